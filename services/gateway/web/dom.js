// Everything that comes from outside becomes text, never markup.

export const one = (selector) => document.querySelector(selector);

/** An element with properties and children; strings become text. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key.startsWith("aria-") || key.startsWith("data-") || key === "role")
      element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child !== undefined && child !== ""));
  return element;
}

/** Tells something for a while; what went wrong stays longer. */
export function notice(text, bad = false) {
  const shown = make("p", { className: bad ? "bad" : "", textContent: text });
  one("#notices").append(shown);
  while (one("#notices").childElementCount > 6) one("#notices").firstElementChild.remove();
  setTimeout(() => shown.remove(), bad ? 20_000 : 8000);
}

export const clockTime = (at) => {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleTimeString([], { hour12: false });
};

export function ageText(ms) {
  if (!Number.isFinite(ms)) return "never";
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 100) return `${s} s`;
  if (s < 6000) return `${Math.round(s / 60)} min`;
  if (s < 172_800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86_400)} d`;
}

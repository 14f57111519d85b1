// Transitions with their progress, and what happened.
import { api } from "./api.js";
import { clockTime, make, notice, one } from "./dom.js";

const MAX_EVENTS = 100;
const transitions = new Map();

export async function loadTransitions() {
  try {
    const pages = await Promise.all([
      // Also one that began before the last ten.
      api("GET", "/transitions?active=true&limit=100"),
      api("GET", "/transitions?limit=10"),
    ]);
    transitions.clear();
    for (const page of pages)
      for (const transition of page.transitions) transitions.set(transition.id, transition);
  } catch (error) {
    notice(`Transitions cannot be shown: ${error.message}`, true);
  }
  renderTransitions();
}

let reading = false;
/** A transition has changed: it is read anew, at most once a second. */
export function transitionChanged() {
  if (reading) return;
  reading = true;
  setTimeout(() => {
    reading = false;
    void loadTransitions();
  }, 1000);
}

function renderTransitions() {
  const all = [...transitions.values()];
  // What runs stands above the table: it is what people wait for.
  one("#running").replaceChildren(...all.filter(isRunning).map(item));
  const ended = all.filter((transition) => !isRunning(transition));
  const list = one("#transitions");
  list.replaceChildren(...ended.map(item));
  if (ended.length === 0) list.append(make("li", { className: "hint", textContent: "None yet." }));
}

const isRunning = ({ state }) => state === "InProgress" || state === "Aborting";

/** A bar whose parts are as long as there are nodes of each outcome. */
function bar(total, parts, label) {
  const shown = make("span", {
    className: "progress",
    role: "progressbar",
    "aria-valuemin": "0",
    "aria-valuemax": String(total),
    "aria-valuenow": String(parts.good + parts.bad + parts.canceled),
    "aria-valuetext": label,
  });
  for (const [className, count] of Object.entries(parts)) {
    if (count === 0) continue;
    const part = make("span", { className: `part ${className}` });
    part.style.flexGrow = String(count);
    shown.append(part);
  }
  return shown;
}

function item({ id, action, nodes, total, state, actor, counts, createdAt, reason }) {
  const open = counts.waiting + counts.running;
  const bad = counts.failed + counts.timedOut + counts.rejected + counts.unknown;
  const words = [
    `${counts.succeeded} succeeded`,
    bad > 0 ? `${bad} failed` : "",
    counts.canceled > 0 ? `${counts.canceled} canceled` : "",
    open > 0 ? `${counts.running} running, ${counts.waiting} waiting` : "",
  ].filter(Boolean);
  return make(
    "li",
    { "data-transition": id },
    make("time", { textContent: clockTime(createdAt) }),
    `${action} ${nodes} by ${actor}${reason ? ` (${reason})` : ""}: ${state} `,
    bar(
      total,
      {
        good: counts.succeeded,
        bad,
        canceled: counts.canceled,
        running: counts.running,
        waiting: counts.waiting,
      },
      words.join(", "),
    ),
    make("span", { className: bad > 0 ? "bad" : "", textContent: ` ${words.join(", ")} ` }),
    state === "InProgress"
      ? make("button", { type: "button", textContent: "Abort", onclick: () => void abort(id) })
      : undefined,
  );
}

async function abort(id) {
  try {
    await api("DELETE", `/transitions/${encodeURIComponent(id)}`);
    notice("Nothing further is begun. What runs is finished, a cycle too.");
    transitionChanged();
  } catch (error) {
    notice(`Not aborted: ${error.message}`, true);
  }
}

/** @param told as the gateway tells it */
export function addEvent(told) {
  const text = sentence(told);
  if (!text) return;
  const list = one("#events");
  list.prepend(make("li", {}, make("time", { textContent: clockTime(told.at) }), text));
  while (list.childElementCount > MAX_EVENTS) list.lastElementChild.remove();
}

function sentence({ kind, node, service, data }) {
  switch (kind) {
    case "result": {
      const { action, status, actor, detail, reasonCode } = data;
      return `${node}: ${action ?? "?"} by ${actor}: ${status}${reasonCode ? `/${reasonCode}` : ""}${detail ? `: ${detail}` : ""}`;
    }
    case "event":
      return `${node}: ${data.message}`;
    default:
      return `${service ?? ""} ${kind} ${data.subject ?? ""} ${data.data?.state ?? ""}`.trim();
  }
}

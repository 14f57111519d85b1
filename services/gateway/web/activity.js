// Transitions with their progress, and what happened.
import { api } from "./api.js";
import { clockTime, make, notice, one } from "./dom.js";

const MAX_EVENTS = 100;
const transitions = new Map();

export async function loadTransitions() {
  try {
    const page = await api("GET", "/transitions?limit=10");
    transitions.clear();
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
  const list = one("#transitions");
  list.replaceChildren(...[...transitions.values()].map(item));
  if (transitions.size === 0)
    list.append(make("li", { className: "hint", textContent: "None yet." }));
}

function item({ id, action, nodes, total, state, actor, counts, createdAt, reason }) {
  const open = counts.waiting + counts.running;
  const bad = counts.failed + counts.timedOut + counts.rejected + counts.unknown;
  const words = [
    `${counts.succeeded} succeeded`,
    bad > 0 ? `${bad} not` : "",
    counts.canceled > 0 ? `${counts.canceled} canceled` : "",
    open > 0 ? `${counts.running} running, ${counts.waiting} waiting` : "",
  ].filter(Boolean);
  return make(
    "li",
    { "data-transition": id },
    make("time", { textContent: clockTime(createdAt) }),
    `${action} ${nodes} by ${actor}${reason ? ` (${reason})` : ""}: ${state} `,
    make("progress", {
      max: Math.max(total, 1),
      value: total - open,
      "aria-label": `${total - open} of ${total}`,
    }),
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

// What can be done with the selected nodes, what it would mean, and asking before it is done.
import { api } from "./api.js";
import { make, notice, one } from "./dom.js";
import { selection, whyUnavailable } from "./nodes.js";

const ACTIONS = {
  On: { label: "On", effect: "switches the supply on, or wakes a halted host", calm: true },
  GracefulShutdown: {
    label: "Shut down",
    effect: "asks the host to shut down and waits for it",
    graceful: true,
  },
  GracefulRestart: {
    label: "Restart",
    effect: "asks the host to shut down, then starts it again",
    graceful: true,
  },
  PowerCycle: {
    label: "Cycle",
    effect: "takes the supply away and gives it back: what the host was doing is lost",
  },
  ForceRestart: { label: "Reset", effect: "resets the host at once: what it was doing is lost" },
  ForceOff: {
    label: "Force off",
    effect: "takes the supply away at once: what the host was doing is lost",
  },
  PushPowerButton: {
    label: "Button",
    effect: "presses the power button: what that means is up to the host",
  },
  Nmi: { label: "NMI", effect: "interrupts the host, which usually crashes with a dump" },
};
/** Over this many nodes, their number is typed to confirm. */
const TYPE_ABOVE = 3;

let rights = [];
let powerReady = true;

export function build() {
  for (const [action, { label, calm }] of Object.entries(ACTIONS)) {
    const button = make("button", {
      type: "button",
      className: calm ? "" : "danger",
      textContent: label,
      "data-action": action,
      onclick: () => press(action, button),
      onfocus: () => explain(button),
      onmouseenter: () => explain(button),
    });
    one("#actions").append(button);
  }
  refresh();
}

export function setRights(next) {
  rights = next;
  refresh();
}

export function setPowerReady(ready) {
  powerReady = ready;
  refresh();
}

/** Why an action cannot be asked for now; undefined when it can. */
function whyNot(action) {
  const nodes = selection();
  if (!rights.includes("power")) return "You do not have the right power.";
  if (nodes.length === 0) return "Select nodes first.";
  if (!powerReady) return "The power service is not there.";
  const cannot = nodes.filter((node) => !node.supportedActions.includes(action));
  if (cannot.length > 0) return `The control interfaces of ${names(cannot)} cannot do ${action}.`;
  const away = nodes.filter((node) => node.status?.management !== "Available");
  if (away.length === nodes.length)
    return `${names(away)} cannot be managed now: ${[...new Set(away.map(whyUnavailable))].filter(Boolean).join("; ") || "why is not known yet"}.`;
  return undefined;
}

export function refresh() {
  const count = selection().length;
  one("#selected").textContent = count === 0 ? "None selected" : `${count} selected`;
  for (const button of one("#actions").children) {
    const reason = whyNot(button.dataset.action);
    // Not `disabled`: a button that says why it does nothing can be reached by keyboard.
    button.setAttribute("aria-disabled", String(reason !== undefined));
    button.title = reason ?? "";
  }
  if (explained) explain(explained);
}

/** The button that was last looked at. */
let explained;

function explain(button) {
  explained = button;
  const { action } = button.dataset;
  one("#why-not").textContent =
    whyNot(action) ?? `${ACTIONS[action].label} ${ACTIONS[action].effect}.`;
}

function names(nodes) {
  const ids = nodes.map(({ id }) => id);
  return ids.length > 5
    ? `${ids.slice(0, 5).join(", ")} and ${ids.length - 5} more`
    : ids.join(", ");
}

async function press(action, button) {
  const reason = whyNot(action);
  if (reason) return explain(button);
  const nodes = selection();
  const answer = await confirmed(action, nodes);
  if (!answer) return;
  await ask(
    action,
    nodes.map(({ id }) => id),
    answer,
  );
}

function confirmed(action, nodes) {
  const dialog = one("#confirm");
  const form = dialog.querySelector("form");
  const { label, effect, graceful } = ACTIONS[action];
  const word = String(nodes.length);
  const mustType = nodes.length > TYPE_ABOVE;
  form.reset();
  one("#confirm-title").textContent =
    `${label}: ${nodes.length === 1 ? nodes[0].id : `${nodes.length} nodes`}`;
  one("#confirm-effect").textContent = `${action} ${effect}.`;
  one("#confirm-nodes").textContent = nodes
    .map(({ id, name }) => (name === id ? id : `${id} (${name})`))
    .join(", ");
  one("#confirm-escalate").hidden = !graceful;
  one("#confirm-typed").hidden = !mustType;
  one("#confirm-typed b").textContent = word;
  const go = form.querySelector('button[value="do"]');
  go.textContent = label;
  const judge = () => (go.disabled = mustType && form.elements.typed.value.trim() !== word);
  form.addEventListener("input", judge);
  judge();
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        form.removeEventListener("input", judge);
        if (dialog.returnValue !== "do") return resolve(undefined);
        resolve({
          ...(form.elements.reason.value.trim()
            ? { reason: form.elements.reason.value.trim() }
            : {}),
          ...(graceful && form.elements.escalate.checked ? { escalate: true } : {}),
        });
      },
      { once: true },
    );
  });
}

/** Of the page's own making, so that the end of a command is known for ours even when it comes before the answer. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `web-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

async function ask(action, ids, more) {
  const id = newId();
  const [node] = ids;
  try {
    if (ids.length === 1) {
      pending.set(id, { action, node });
      notice(`${action} of ${node} is asked for. The table shows what is measured.`);
      const command = await api("POST", `/nodes/${node}/power`, { action, id, ...more });
      // It was the same as what somebody had asked for just before: its end is the end of ours.
      if (command.id !== id && pending.delete(id)) pending.set(command.id, { action, node });
    } else {
      const { total } = await api("POST", "/power", { action, id, nodeIds: ids, ...more });
      notice(`${action} of ${total} nodes was asked for. Its progress is above the table.`);
    }
  } catch (error) {
    if (pending.delete(id) || ids.length > 1) notice(`${action}: ${error.message}`, true);
  }
}

/** What this page asked for and has not seen the end of. */
const pending = new Map();

export function result(node, { id, action, status, terminal, detail }) {
  if (!terminal || !pending.delete(id)) return;
  const verified = status === "Succeeded" ? "verified" : status;
  notice(`${action} of ${node}: ${verified}${detail ? `: ${detail}` : ""}`, status !== "Succeeded");
}

// The table of nodes. What is shown is what was measured; nothing changes because a button was pressed.
import { toneOf } from "./alarms.js";
import { ageText, make, one } from "./dom.js";

const nodes = new Map();
const rows = new Map();
const selected = new Set();
/** Ids that the filter lets through; undefined: all. */
let shown;
let order = [];
let changed = () => {};
/** States of the agents by id; undefined until all that were heard have been told. */
let agents;
let agentsToCome = new Map();
const collator = new Intl.Collator("en", { numeric: true });

export const onSelection = (run) => (changed = run);
export const selection = () =>
  [...selected]
    .toSorted(collator.compare)
    .map((id) => nodes.get(id))
    .filter(Boolean);

/** Takes a node as the gateway tells it. @returns whether other alarms stand than before */
export function take(node) {
  const before = nodes.get(node.id);
  const isNew = before === undefined;
  nodes.set(node.id, { ...node, heardAt: performance.now() });
  if (isNew) order = undefined;
  if (rows.has(node.id)) fill(rows.get(node.id), nodes.get(node.id));
  if (selected.has(node.id)) changed();
  later();
  return JSON.stringify(before?.alarms ?? []) !== JSON.stringify(node.alarms ?? []);
}

/** All is told anew: what was known of agents counts no more. */
export function beginSnapshot() {
  agentsToCome = new Map();
}

export function takeAgent(id, state) {
  agentsToCome.set(id, state);
  if (agents === agentsToCome) fillAll();
}

export function endSnapshot() {
  agents = agentsToCome;
  fillAll();
}

function fillAll() {
  for (const [id, row] of rows) if (nodes.has(id)) fill(row, nodes.get(id));
  changed();
}

/** Why a node cannot be managed now; empty when it can, or while that is not known. */
export function whyUnavailable({ agents: ids = [], status }) {
  if (!agents || status?.management === "Available") return "";
  if (ids.length === 0) return "no interface of it is bound to an agent";
  const away = ids.filter((id) => agents.get(id) !== "ready");
  if (away.length > 0) {
    return away
      .map((id) => `agent ${id} ${agents.has(id) ? "is not connected" : "was never seen"}`)
      .join(", ");
  }
  return `agent ${ids.join(", ")} is connected and could not open the interface: outrider describe agent ${ids[0]} says why`;
}

export function forget(id) {
  nodes.delete(id);
  selected.delete(id);
  rows.get(id)?.remove();
  rows.delete(id);
  order = undefined;
  changed();
  later();
}

/** Forgets all that is not told again: a new snapshot begins. */
export function keepOnly(ids) {
  for (const id of nodes.keys()) if (!ids.has(id)) forget(id);
}

export function show(ids) {
  shown = ids;
  for (const id of selected) if (shown && !shown.has(id)) selected.delete(id);
  changed();
  later();
}

export function clearSelection() {
  selected.clear();
  for (const row of rows.values()) mark(row, false);
  changed();
}

let waiting = false;
function later() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    render();
  });
}

function render() {
  order ??= [...nodes.keys()].toSorted(collator.compare);
  const body = one("#rows");
  let at = body.firstElementChild;
  let count = 0;
  for (const id of order) {
    if (shown && !shown.has(id)) {
      if (rows.has(id)) {
        if (at === rows.get(id)) at = at.nextElementSibling;
        rows.get(id).remove();
        rows.delete(id);
      }
      continue;
    }
    count += 1;
    let row = rows.get(id);
    if (!row) {
      row = newRow(id);
      rows.set(id, row);
      fill(row, nodes.get(id));
    }
    if (row === at) at = at.nextElementSibling;
    else body.insertBefore(row, at);
  }
  one("#count").textContent =
    count === nodes.size ? `${count} nodes` : `${count} of ${nodes.size} nodes`;
  one("#empty").hidden = count > 0;
  const all = one("#all");
  all.checked = count > 0 && selected.size === count;
  all.indeterminate = selected.size > 0 && selected.size < count;
}

const COLUMNS = [
  "Node",
  "Supply",
  "Host",
  "Evidence",
  "Age",
  "Management",
  "Lock",
  "Last command",
  "Alarm",
];

function newRow(id) {
  const box = make("input", {
    type: "checkbox",
    "aria-label": `Select ${id}`,
    onchange: () => {
      if (box.checked) selected.add(id);
      else selected.delete(id);
      mark(row, box.checked);
      changed();
      later();
    },
  });
  const row = make(
    "tr",
    { "data-node": id },
    make("td", {}, box),
    ...COLUMNS.map((name) => make("td", { "data-name": name })),
  );
  return row;
}

function mark(row, on) {
  row.classList.toggle("selected", on);
  row.querySelector("input").checked = on;
}

function fill(row, node) {
  const [, name, supply, host, evidence, , management, lock, last, alarm] = row.cells;
  name.className = "id";
  name.replaceChildren(
    node.id,
    make("small", { textContent: node.name === node.id ? "" : node.name }),
  );
  put(supply, node.supply?.value ?? "Unknown", tone(node.supply?.value));
  if (node.target && node.target !== node.supply?.value)
    supply.append(make("span", { className: "note", textContent: `wanted: ${node.target}` }));
  if (node.problem) supply.append(make("span", { className: "note", textContent: node.problem }));
  put(host, node.host?.value ?? "Unknown", tone(node.host?.value));
  put(evidence, evidenceText(node), "");
  evidence.title = node.supply
    ? `Supply: ${node.supply.evidence}. Host: ${node.host?.evidence ?? "Assumed"}.`
    : "";
  for (const cell of [supply, host, evidence]) cell.classList.add("measured");
  put(
    management,
    node.status?.management ?? "Unknown",
    node.status?.management === "Available" ? "" : "bad",
  );
  const away = whyUnavailable(node);
  if (away) management.append(make("span", { className: "note", textContent: away }));
  const held = node.lock?.held;
  put(lock, held ? held.holder : "", "");
  if (held) {
    lock.append(
      make("span", {
        className: "note",
        textContent: `until ${new Date(held.until).toLocaleTimeString([], { hour12: false })}${held.reason ? `: ${held.reason}` : ""}`,
      }),
    );
  }
  fillCommand(last, node);
  fillAlarms(alarm, node);
  tick(row, node);
}

/** Of the supply, then of the host where it is another: as the command line has it. */
function evidenceText({ supply, host }) {
  if (!supply) return "";
  if (!host || host.evidence === supply.evidence) return supply.evidence;
  return `${supply.evidence}, ${host.evidence}`;
}

const WENT_WRONG = /Failed|TimedOut|Unknown|Rejected/;

/** The last command, and why it failed. One that was rejected did nothing, and stands below what was done. */
function fillCommand(cell, { lastCommand, lastResult }) {
  const isSame = lastCommand && lastResult?.id === lastCommand.id;
  const rejected = !isSame && lastResult?.status === "Rejected" ? lastResult : undefined;
  const main = lastCommand ?? rejected;
  const bad = (status) => (WENT_WRONG.test(status) ? "bad" : "");
  put(cell, main ? `${main.action ?? "?"}: ${main.status}` : "", main ? bad(main.status) : "");
  const said = isSame ? lastResult : rejected;
  cell.title = said ? `by ${said.actor}${said.detail ? `: ${said.detail}` : ""}` : "";
  if (!said || !WENT_WRONG.test(said.status)) return;
  const why = [said.reasonCode, said.detail].filter(Boolean).join(": ");
  const before = main === said || isSame ? "" : `then ${said.action ?? "?"}: ${said.status}, `;
  if (why) cell.append(make("span", { className: "note", textContent: `${before}${why}` }));
}

/** Alarms of a node in its row; all of them are above the table. */
const MOST_ALARMS = 3;

/** What stands, the worst first: all but the first as notes. */
function fillAlarms(cell, { fault, alarms = [] }) {
  // The service that watches makes an alarm of a fault too, a moment later.
  const isTold = !fault || alarms.some(({ message }) => message.includes(fault));
  const all = isTold ? alarms : [{ severity: "Critical", message: fault }, ...alarms];
  const [first, ...others] = all;
  put(cell, first?.message ?? "", first ? toneOf(first.severity) : "");
  cell.title = all.map(({ severity, message }) => `${severity}: ${message}`).join("\n");
  for (const { severity, message } of others.slice(0, MOST_ALARMS - 1)) {
    cell.append(make("span", { className: `note ${toneOf(severity)}`, textContent: message }));
  }
  const left = all.length - MOST_ALARMS;
  if (left > 0) cell.append(make("span", { className: "note", textContent: `and ${left} more` }));
}

function put(cell, text, className) {
  cell.textContent = text;
  cell.className = className;
  cell.classList.toggle("nothing", text === "");
}

function tone(value) {
  if (value === "On" || value === "Running") return "on";
  if (value === "Off" || value === "Halted") return "off";
  return value?.startsWith("Powering") ? "moving" : "unknown";
}

/** Ages go on between two reports, and past their time a value is shown as stale. */
function tick(row, node) {
  const age = node.supply ? node.supply.ageMs + performance.now() - node.heardAt : Number.NaN;
  const stale = !node.supply || age > node.supply.staleAfterMs;
  const cell = row.cells[5];
  const text = stale && node.supply ? `${ageText(age)}, stale` : ageText(age);
  if (cell.textContent !== text) cell.textContent = text;
  cell.className = "age";
  row.classList.toggle("stale", stale);
}

setInterval(() => {
  for (const [id, row] of rows) {
    const node = nodes.get(id);
    if (node) tick(row, node);
  }
}, 1000);

export function selectAll(on) {
  for (const [id, row] of rows) {
    if (on) selected.add(id);
    else selected.delete(id);
    mark(row, on);
  }
  changed();
  later();
}

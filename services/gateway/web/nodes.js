// The table of nodes. What is shown is what was measured; nothing changes because a button was pressed.
import { ageText, make, one } from "./dom.js";

const nodes = new Map();
const rows = new Map();
const selected = new Set();
/** Ids that the filter lets through; undefined: all. */
let shown;
let order = [];
let changed = () => {};
const collator = new Intl.Collator("en", { numeric: true });

export const onSelection = (run) => (changed = run);
export const selection = () =>
  [...selected]
    .toSorted(collator.compare)
    .map((id) => nodes.get(id))
    .filter(Boolean);

/** Takes a node as the gateway tells it. */
export function take(node) {
  const isNew = !nodes.has(node.id);
  nodes.set(node.id, { ...node, heardAt: performance.now() });
  if (isNew) order = undefined;
  if (rows.has(node.id)) fill(rows.get(node.id), nodes.get(node.id));
  if (selected.has(node.id)) changed();
  later();
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
  put(host, node.host?.value ?? "Unknown", tone(node.host?.value));
  put(evidence, node.supply?.evidence ?? "", "");
  for (const cell of [supply, host, evidence]) cell.classList.add("measured");
  put(
    management,
    node.status?.management ?? "Unknown",
    node.status?.management === "Available" ? "" : "bad",
  );
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
  const command = node.lastCommand;
  put(
    last,
    command ? `${command.action}: ${command.status}` : "",
    command && /Failed|TimedOut|Unknown/.test(command.status) ? "bad" : "",
  );
  put(alarm, node.fault ?? "", "bad");
  tick(row, node);
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

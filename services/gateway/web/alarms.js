// Alarms that stand, of nodes and of everything else. Who watches them is the telemetry service: without it nothing is shown.
import { api } from "./api.js";
import { ageText, make, one } from "./dom.js";

/** That they turn is told as it happens; so often they are asked for all the same, so that ages go on. */
const EVERY_MS = 60_000;
const MOST_SHOWN = 50;
const MOST_ASKED = 1000;

let every;
let waiting = false;
let asked = 0;

export function beginAlarms() {
  clearInterval(every);
  every = setInterval(() => void load(), EVERY_MS);
  void load();
}

export function endAlarms() {
  clearInterval(every);
  asked += 1;
}

/** Something has turned: they are read anew, at most once a second. */
export function alarmsChanged() {
  if (waiting) return;
  waiting = true;
  setTimeout(() => {
    waiting = false;
    void load();
  }, 1000);
}

async function load() {
  const mine = ++asked;
  try {
    const { alarms, next } = await api("GET", `/alarms?limit=${MOST_ASKED}`);
    if (mine === asked) show(alarms, next !== undefined);
  } catch (error) {
    if (mine !== asked) return;
    // What was known is not shown as if it were so still.
    count(`Which alarms stand is not known: ${error.message}`, "bad");
    one("#alarm-list").replaceChildren();
  }
}

function count(text, className) {
  const shown = one("#alarm-count");
  // It is read out when it changes.
  if (shown.textContent !== text) shown.textContent = text;
  shown.className = className;
}

function show(alarms, more) {
  const critical = alarms.filter(({ severity }) => severity === "Critical").length;
  if (alarms.length === 0) count("No alarms", "good");
  else {
    const number = `${alarms.length}${more ? " or more" : ""} ${alarms.length === 1 ? "alarm" : "alarms"}`;
    count(
      critical > 0 ? `${number}, ${critical} critical` : number,
      critical > 0 ? "bad" : "moving",
    );
  }
  const sorted = alarms.toSorted(worstFirst);
  const items = sorted.slice(0, MOST_SHOWN).map(item);
  if (alarms.length > MOST_SHOWN) {
    const left = alarms.length - MOST_SHOWN;
    items.push(make("li", { textContent: `and ${left} more: outrider alarms` }));
  }
  one("#alarm-list").replaceChildren(...items);
}

function worstFirst(a, b) {
  const rank = ({ severity, acknowledged }) =>
    (severity === "Critical" ? 2 : 0) + (acknowledged ? 0 : 1);
  return rank(b) - rank(a) || (a.raisedAt < b.raisedAt ? 1 : -1);
}

function item({ subject, id, severity, message, raisedAt, acknowledged }) {
  const seen = acknowledged
    ? `seen by ${acknowledged.actor}${acknowledged.comment ? `: ${acknowledged.comment}` : ""}`
    : "";
  return make(
    "li",
    { "data-alarm": `${subject}/${id}` },
    make("span", { className: toneOf(severity), textContent: severity }),
    ` ${subject.replace(/^node:/, "")}: ${message} `,
    make("span", {
      className: "note",
      textContent: [`for ${ageText(Date.now() - Date.parse(raisedAt))}`, seen]
        .filter(Boolean)
        .join(", "),
    }),
  );
}

export const toneOf = (severity) => (severity === "Critical" ? "bad" : "moving");

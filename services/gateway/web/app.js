// The first page: signs in, listens, and hands what it hears to those who show it.
import { addEvent, loadTransitions, transitionChanged } from "./activity.js";
import { alarmsChanged, beginAlarms, endAlarms } from "./alarms.js";
import { build, refresh, result, setPowerReady, setRights } from "./actions.js";
import { api } from "./api.js";
import { notice, one } from "./dom.js";
import * as nodes from "./nodes.js";

let source;

async function begin() {
  try {
    const who = await api("GET", "/session");
    if (who.mustChangePassword) return signInForm(true);
    one("#who").textContent =
      who.kind === "anonymous"
        ? "Demonstration: everybody on this machine is an operator"
        : who.name;
    one("#sign-out").hidden = who.by !== "session";
    one("#sign-in").hidden = true;
    one("#site").hidden = false;
    setRights(who.rights);
    listen();
    beginAlarms();
    await loadTransitions();
  } catch (error) {
    if (error.status === 401) return signInForm(false);
    health(error.message, "bad");
    setTimeout(() => void begin(), 5000);
  }
}

function signInForm(mustChange) {
  source?.close();
  endAlarms();
  one("#site").hidden = true;
  one("#sign-in").hidden = false;
  one("#sign-out").hidden = true;
  one("#who").textContent = "";
  health("", "");
  const fields = one("#new-password");
  fields.hidden = !mustChange;
  fields.disabled = !mustChange;
}

one("#sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const problem = form.querySelector(".problem");
  const { name, password, next } = form.elements;
  problem.textContent = "";
  try {
    if (one("#new-password").hidden) {
      const who = await api("POST", "/session", { name: name.value, password: password.value });
      if (who.mustChangePassword) return signInForm(true);
    } else {
      await api("PUT", "/session/password", { old: password.value, new: next.value });
    }
    form.reset();
    await begin();
  } catch (error) {
    problem.textContent = error.message;
  }
});

one("#sign-out").addEventListener("click", async () => {
  await api("DELETE", "/session").catch((error) => notice(error.message, true));
  signInForm(false);
});

function health(text, className) {
  one("#health").textContent = text;
  one("#health").className = className;
}

const services = new Map();

function listen() {
  source?.close();
  source = new EventSource("/api/v1/events");
  let snapshot = new Set();
  const on = (kind, run) => source.addEventListener(kind, (event) => run(JSON.parse(event.data)));
  on("hello", () => {
    snapshot = new Set();
    nodes.beginSnapshot();
    health("live", "good");
  });
  on("node", ({ data }) => {
    snapshot?.add(data.id);
    if (nodes.take(data)) alarmsChanged();
  });
  on("node-gone", ({ node }) => nodes.forget(node));
  on("agent", ({ agent, data }) => nodes.takeAgent(agent, data.state));
  on("snapshot-end", () => {
    if (snapshot) nodes.keepOnly(snapshot);
    nodes.endSnapshot();
    snapshot = undefined;
  });
  on("alarm", alarmsChanged);
  on("service", ({ service, data }) => {
    if (service === "telemetry" && services.get(service) !== data.state) alarmsChanged();
    services.set(service, data.state);
    setPowerReady(services.get("power") === "ready");
    const missing = ["inventory", "power"].filter((name) => services.get(name) !== "ready");
    if (missing.length > 0) health(`not there: ${missing.join(", ")}`, "bad");
    else health("live", "good");
  });
  on("result", (told) => {
    addEvent(told);
    result(told.node, told.data);
  });
  on("event", addEvent);
  on("transition", transitionChanged);
  for (const kind of ["lock", "site", "proposal"]) on(kind, addEvent);
  source.addEventListener("error", () => {
    health("not connected: what is shown grows old", "bad");
    // The browser connects again by itself, but not after an answer that is no stream.
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => void begin(), 3000);
  });
}

let asked = 0;
async function filter(text) {
  const mine = ++asked;
  one("#filter-problem").textContent = "";
  if (text.trim() === "") return nodes.show(undefined);
  try {
    const found = new Set();
    let cursor;
    do {
      const query = new URLSearchParams({
        nodes: text.trim(),
        limit: "1000",
        ...(cursor ? { cursor } : {}),
      });
      const page = await api("GET", `/nodes?${query}`);
      if (mine !== asked) return;
      for (const { id } of page.nodes) found.add(id);
      cursor = page.next;
    } while (cursor);
    nodes.show(found);
  } catch (error) {
    if (mine === asked) one("#filter-problem").textContent = error.message;
  }
}

let typing;
one("#filter").addEventListener("input", ({ target }) => {
  clearTimeout(typing);
  typing = setTimeout(() => void filter(target.value), 300);
});
one("#all").addEventListener("change", ({ target }) => nodes.selectAll(target.checked));
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input:not([type=checkbox])") || one("#confirm").open) return;
  if (event.key === "/") {
    event.preventDefault();
    one("#filter").focus();
  } else if (event.key === "Escape") nodes.clearSelection();
});

nodes.onSelection(refresh);
build();
void begin();

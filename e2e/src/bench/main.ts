/**
 * Program: measures, prints and writes docs/performance.md. `quick` takes a minute and writes nothing; names of
 * sections measure and write these alone.
 */
import { readFile, writeFile } from "node:fs/promises";
import { Deployment } from "../deployment.js";
import { measureAgentSize } from "./agent-size.js";
import { measureBrokers } from "./brokers.js";
import { measureConsoles } from "./consoles.js";
import { measureCommandPath } from "./command-path.js";
import { measurePeers } from "./fleet-peers.js";
import { measureFrozenReader } from "./frozen-reader.js";
import { load, machine } from "./machine.js";
import { replaceResults } from "./markdown.js";
import { measureSize } from "./one-process.js";
import { measureParts } from "./parts.js";
import { FULL, QUICK, type Plan } from "./plan.js";
import { measurePoe } from "./poe.js";
import { measureReadings } from "./readings.js";
import { measureRest } from "./rest-commands.js";
import { measureSensorSweep } from "./sensor-sweep.js";
import { measureStores } from "./telemetry-stores.js";
import { measureTransition } from "./transition.js";

const DOCUMENT = new URL("../../../docs/performance.md", import.meta.url);

interface Section {
  readonly title: string;
  readonly measure: (plan: Plan) => Promise<string>;
}

const SECTIONS: Readonly<Record<string, Section>> = {
  command: {
    title: "A power command",
    measure: (plan) => inLab(50, (lab) => measureCommandPath(lab, plan.commandPath)),
  },
  brokers: { title: "The broker", measure: (plan) => measureBrokers(plan.brokers) },
  frozen: {
    title: "A reader that is frozen",
    measure: (plan) => inLab(1, (lab) => measureFrozenReader(lab, plan.frozenReader)),
  },
  fleet: {
    title: "A transition over many nodes",
    measure: (plan) => measureTransition(plan.transition),
  },
  rest: { title: "Commands over REST", measure: (plan) => measureRest(plan.rest) },
  peers: { title: "Beside powerman and PDUDaemon", measure: (plan) => measurePeers(plan.peers) },
  consoles: { title: "Consoles", measure: (plan) => measureConsoles(plan.consoles) },
  "control-interfaces": {
    title: "Control interfaces",
    measure: async (plan) =>
      [
        await measureSensorSweep(plan.sensorSweep),
        await measurePoe(plan.poe),
        await measureAgentSize(plan.agentSize),
      ].join("\n\n"),
  },
  stores: {
    title: "Where measured values are kept",
    measure: (plan) => measureStores(plan.stores),
  },
  readings: { title: "Readings", measure: (plan) => measureReadings(plan.readings) },
  size: { title: "Everything in one process", measure: (plan) => measureSize(plan.size) },
  parts: { title: "Checks and commits", measure: (plan) => measureParts(plan.parts) },
};

/** Measures in a deployment of real processes, with simulated machines that take no time. */
async function inLab(
  nodes: number,
  measure: (lab: Deployment) => Promise<string>,
): Promise<string> {
  const slots = Array.from({ length: nodes }, (_, index) => index + 1);
  await using lab = await Deployment.start({
    rack: slots.map(() => "normal"),
    nodes: Object.fromEntries(slots.map((slot) => [`n${slot}`, { rack: slot, sampling: "5s" }])),
  });
  // A listener that nobody needs here would be served with everything.
  await lab.bus[Symbol.asyncDispose]();
  try {
    return await measure(lab);
  } catch (error) {
    process.stderr.write(`${lab.lastWords()}\n`);
    throw error;
  }
}

const asked = process.argv.slice(2);
const quick = asked.includes("quick");
const names = asked.filter((name) => name in SECTIONS);
const results = new Map<string, string>();
for (const [name, { title, measure }] of Object.entries(SECTIONS)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const startMs = performance.now();
  const loadBefore = load();
  try {
    const text = await measure(quick ? QUICK : FULL);
    const tookS = Math.round((performance.now() - startMs) / 1000);
    const about = `Measured on ${new Date().toISOString().slice(0, 10)}, ${machine()}; load before ${loadBefore}, after ${load()}; ${tookS} s.`;
    results.set(title, `${about}\n\n${text}`);
    process.stdout.write(`## ${title}\n\n${about}\n\n${text}\n\n`);
  } catch (error) {
    // What was measured before it is not lost, and what stood in the document stays.
    process.exitCode = 1;
    process.stderr.write(`${title} could not be measured: ${String(error)}\n`);
  }
}
if (!quick) {
  const order = Object.values(SECTIONS).map(({ title }) => title);
  const document = await readFile(DOCUMENT, "utf8");
  await writeFile(DOCUMENT, replaceResults(document, results, order));
}

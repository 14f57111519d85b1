#!/usr/bin/env node
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { EdgeLog } from "./edge-log.js";
import { announce, closeServer } from "./life.js";
import { listen, parseListen } from "./listen-address.js";
import { Rack } from "./rack.js";
import { hostClock } from "./sim-clock.js";
import {
  DEFAULT_SIMULATED_SLOT,
  SIMULATED_FLAVOURS,
  type SimulatedSlotSpec,
} from "./simulated-slot.js";
import { slotServer } from "./slot-server.js";

const USAGE = `Usage: rack-main.js --slots <count> --dir <directory> [--listen <socket path | 127.0.0.1:port>]
  [--flavour <slot>=<${SIMULATED_FLAVOURS.join(" | ")}>]... [--boot-ms <n>] [--shutdown-ms <n>] [--halt-after-ms <n>]
  [--running-watts <n>] [--starting-watts <n>] [--starting-ms <n>]
  [--console-baud <n>]   consoles no faster than so many bits per second   [--console-logs]   keeps what machines say and hear
  [--console-holds <n>]   what was said before anybody first listened, so many bytes of it, is told to whoever comes first
  [--owner <pid>]   ends with that process`;

const { values: args } = parseArgs({
  options: {
    slots: { type: "string" },
    dir: { type: "string" },
    listen: { type: "string" },
    flavour: { type: "string", multiple: true },
    "boot-ms": { type: "string" },
    "shutdown-ms": { type: "string" },
    "halt-after-ms": { type: "string" },
    "running-watts": { type: "string" },
    "starting-watts": { type: "string" },
    "starting-ms": { type: "string" },
    "console-baud": { type: "string" },
    "console-logs": { type: "boolean", default: false },
    "console-holds": { type: "string" },
    owner: { type: "string" },
  },
});

function usage(problem: string): never {
  process.stderr.write(`${problem}\n${USAGE}\n`);
  process.exit(2);
}

function wholeNumber(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^\d{1,7}$/.test(text)) usage(`--${name}: expected a whole number.`);
  return Number(text);
}

function readSpecs(): SimulatedSlotSpec[] {
  const count = wholeNumber("slots", args.slots, 0);
  if (count < 1 || count > 10_000) usage("--slots: expected 1 to 10000.");
  const runningWatts = wholeNumber(
    "running-watts",
    args["running-watts"],
    DEFAULT_SIMULATED_SLOT.runningWatts,
  );
  const spec: SimulatedSlotSpec = {
    ...DEFAULT_SIMULATED_SLOT,
    bootMs: wholeNumber("boot-ms", args["boot-ms"], DEFAULT_SIMULATED_SLOT.bootMs),
    shutdownMs: wholeNumber("shutdown-ms", args["shutdown-ms"], DEFAULT_SIMULATED_SLOT.shutdownMs),
    haltAfterMs: wholeNumber(
      "halt-after-ms",
      args["halt-after-ms"],
      DEFAULT_SIMULATED_SLOT.haltAfterMs,
    ),
    runningWatts,
    startingWatts: wholeNumber("starting-watts", args["starting-watts"], runningWatts),
    startingMs: wholeNumber("starting-ms", args["starting-ms"], DEFAULT_SIMULATED_SLOT.startingMs),
    // A byte is ten bits on the wire: start, eight, stop.
    consoleBytesPerSecond: wholeNumber("console-baud", args["console-baud"], 0) / 10,
  };
  const specs = Array.from({ length: count }, () => spec);
  for (const text of args.flavour ?? []) {
    const [slot, name] = text.split("=");
    const flavour = SIMULATED_FLAVOURS.find((known) => known === name);
    const index = Number(slot) - 1;
    if (!flavour || !specs[index]) usage(`--flavour ${text}: expected <slot>=<flavour>.`);
    specs[index] = { ...spec, flavour };
  }
  return specs;
}

const dir = args.dir ?? usage("--dir is missing.");
const specs = readSpecs();
mkdirSync(dir, { recursive: true });
const edges = new EdgeLog(dir, hostClock);
const rack = new Rack(
  specs,
  edges,
  hostClock,
  args["console-logs"] ? dir : undefined,
  wholeNumber("console-holds", args["console-holds"], 0),
);
const server = slotServer(rack, edges);
const address = await listen(server, parseListen(args.listen ?? join(dir, "rack.sock")));
edges.settle();
announce({ listen: address }, args.owner === undefined ? undefined : Number(args.owner), () => {
  rack.drop();
  return closeServer(server);
});

#!/usr/bin/env node
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { EdgeLog } from "./edge-log.js";
import { announce, closeServer } from "./life.js";
import { listen, parseListen } from "./listen-address.js";
import { Rack } from "./rack.js";
import { hostClock } from "./sim-clock.js";
import { DEFAULT_SIMULATED_SLOT } from "./simulated-slot.js";
import { slotServer } from "./slot-server.js";
import { SNMP_DIALECTS, type SnmpDialect } from "./snmp-dialects.js";
import { serveSnmp } from "./snmp-front.js";
import { PORT_QUIRKS, SwitchPorts, type PortQuirk } from "./switch-ports.js";

const USAGE = `Usage: switch-main.js --slots <count> --dir <directory> --udp-port <port> --dialect <${Object.keys(SNMP_DIALECTS).join(" | ")}>
  [--quirk <slot>=<${PORT_QUIRKS.join(" | ")}>]... [--user <name of an SNMPv3 user>] [--owner <pid>]
Environment: READ_COMMUNITY, WRITE_COMMUNITY; AUTH_KEY (SHA-256) and PRIV_KEY (AES) of the user.
A rack whose slots hang on the ports of a switch, or the outlets of a PDU, that is driven by SNMP.`;

const { values: args } = parseArgs({
  options: {
    slots: { type: "string" },
    dir: { type: "string" },
    "udp-port": { type: "string" },
    dialect: { type: "string" },
    quirk: { type: "string", multiple: true },
    user: { type: "string" },
    owner: { type: "string" },
  },
});

function usage(problem: string): never {
  process.stderr.write(`${problem}\n${USAGE}\n`);
  process.exit(2);
}

function wholeNumber(name: "slots" | "udp-port", max: number): number {
  const number = Number(args[name]);
  if (!Number.isInteger(number) || number < 1 || number > max) {
    usage(`--${name}: expected 1 to ${max}.`);
  }
  return number;
}

function fromEnvironment(name: string): string {
  return process.env[name] ?? usage(`${name} is missing.`);
}

function quirks(): Map<number, PortQuirk> {
  return new Map(
    (args.quirk ?? []).map((text) => {
      const [slot, name] = text.split("=");
      const quirk = PORT_QUIRKS.find((known) => known === name) ?? usage(`--quirk ${text}`);
      return [Number(slot), quirk];
    }),
  );
}

const dir = args.dir ?? usage("--dir is missing.");
const slots = wholeNumber("slots", 1000);
const dialect = Object.keys(SNMP_DIALECTS).find((known) => known === args.dialect);
if (dialect === undefined) usage("--dialect is missing, or not known.");
mkdirSync(dir, { recursive: true });
const edges = new EdgeLog(dir, hostClock);
const rack = new Rack(
  Array.from({ length: slots }, () => DEFAULT_SIMULATED_SLOT),
  edges,
  hostClock,
);
const server = slotServer(rack, edges);
const address = await listen(server, parseListen(join(dir, "switch.sock")));
const snmp = await serveSnmp(new SwitchPorts(rack, hostClock, quirks()), {
  udpPort: wholeNumber("udp-port", 65_535),
  dialect: dialect as SnmpDialect,
  slots,
  communities: {
    read: fromEnvironment("READ_COMMUNITY"),
    write: fromEnvironment("WRITE_COMMUNITY"),
  },
  ...(args.user === undefined
    ? {}
    : {
        user: {
          name: args.user,
          authKey: fromEnvironment("AUTH_KEY"),
          privKey: fromEnvironment("PRIV_KEY"),
        },
      }),
});
edges.settle();
announce({ listen: address }, args.owner === undefined ? undefined : Number(args.owner), () => {
  snmp.close();
  return closeServer(server);
});

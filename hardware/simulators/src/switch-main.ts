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
import { HTTP_DIALECTS, switchServer } from "./switch-http.js";
import { PORT_QUIRKS, SwitchPorts, type PortQuirk } from "./switch-ports.js";

const DIALECTS = [...Object.keys(SNMP_DIALECTS), ...HTTP_DIALECTS];

const USAGE = `Usage: switch-main.js --slots <count> --dir <directory> --port <port> --dialect <${DIALECTS.join(" | ")}>
  [--quirk <slot>=<${PORT_QUIRKS.join(" | ")}>]... [--user <name of an SNMPv3 user>] [--owner <pid>]
Environment: by SNMP (UDP) READ_COMMUNITY, WRITE_COMMUNITY; AUTH_KEY (SHA-256) and PRIV_KEY (AES) of the user.
By HTTP (TCP) PASSWORD of the user "outrider".
A rack whose slots hang on the ports of a switch, or the outlets of a PDU.`;

const { values: args } = parseArgs({
  options: {
    slots: { type: "string" },
    dir: { type: "string" },
    port: { type: "string" },
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

function wholeNumber(name: "slots" | "port", max: number): number {
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
const snmpDialect = Object.keys(SNMP_DIALECTS).find((known) => known === args.dialect);
const httpDialect = HTTP_DIALECTS.find((known) => known === args.dialect);
if (snmpDialect === undefined && httpDialect === undefined)
  usage("--dialect is missing, or not known.");
const port = wholeNumber("port", 65_535);
mkdirSync(dir, { recursive: true });
const edges = new EdgeLog(dir, hostClock);
const rack = new Rack(
  Array.from({ length: slots }, () => DEFAULT_SIMULATED_SLOT),
  edges,
  hostClock,
);
const server = slotServer(rack, edges);
const address = await listen(server, parseListen(join(dir, "switch.sock")));
const ports = new SwitchPorts(rack, hostClock, quirks());
const closers: (() => void | Promise<void>)[] = [];
if (httpDialect !== undefined) {
  const http = switchServer(ports, {
    dialect: httpDialect,
    slots,
    password: fromEnvironment("PASSWORD"),
  });
  await listen(http, { kind: "tcp", host: "127.0.0.1", port });
  closers.push(() => closeServer(http));
} else {
  const snmp = await serveSnmp(ports, {
    udpPort: port,
    dialect: snmpDialect as SnmpDialect,
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
  closers.push(() => snmp.close());
}
edges.settle();
announce(
  { listen: address },
  args.owner === undefined ? undefined : Number(args.owner),
  async () => {
    await Promise.all(closers.map(async (close) => close()));
    await closeServer(server);
  },
);

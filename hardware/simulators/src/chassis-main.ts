#!/usr/bin/env node
import { mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readChassisSpec } from "./chassis-spec.js";
import { Chassis } from "./chassis.js";
import { EdgeLog } from "./edge-log.js";
import { leftovers } from "./leftovers.js";
import { announce, closeServer } from "./life.js";
import { listen, parseListen } from "./listen-address.js";
import { hostClock } from "./sim-clock.js";
import { slotServer } from "./slot-server.js";

const USAGE = `Usage: chassis-main.js --dir <directory> --slots <file with [{"flavour": …}, …]> [--owner <pid>]`;

const { values: args } = parseArgs({
  options: { dir: { type: "string" }, slots: { type: "string" }, owner: { type: "string" } },
});
if (args.dir === undefined || args.slots === undefined) {
  process.stderr.write(`${USAGE}\n`);
  process.exit(2);
}

const dir = resolve(args.dir);
const specs = readChassisSpec(JSON.parse(readFileSync(args.slots, "utf8")));
mkdirSync(dir, { recursive: true });
const edges = new EdgeLog(dir, hostClock);
const chassis = new Chassis(dir, specs, edges, hostClock);
process.on("exit", () => chassis.kill());

const server = slotServer(chassis, edges);
// Serving comes first: it shows that no other chassis lives here, whose machines must not be touched.
const address = await listen(server, parseListen(join(dir, "chassis.sock")));
for (const pid of leftovers(dir)) process.kill(pid, "SIGKILL");
edges.settle();
await chassis.listen();
announce(
  { listen: address },
  args.owner === undefined ? undefined : Number(args.owner),
  async () => {
    await chassis.close();
    await closeServer(server);
  },
);

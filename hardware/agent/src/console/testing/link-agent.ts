import { connect } from "node:net";
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { agentId, endpointId, nodeId } from "@outrider/contracts/ids";
import { LinkClient } from "@outrider/console-link/link-client";
import { silentLog } from "@outrider/messaging/log";
import { logWith } from "../../log.js";
import { Spools } from "../spools.js";

/**
 * An agent that is only spools and a link: each of its consoles is a connection to the test's device. Started as a
 * process of its own, to be killed: `link-agent.js <data> <link port> <device port> <consoles> <limit bytes>`.
 */
const [dataDirectory = "", linkPort, devicePort, consoles, limitBytes] = process.argv.slice(2);
const clock = systemClock;
const spools = await Spools.open({
  dataDirectory,
  limitBytes: Number(limitBytes),
  clock,
  log: logWith(silentLog, {}),
});
const client = new LinkClient({
  host: "127.0.0.1",
  port: Number(linkPort),
  agent: agentId("rack-a"),
  secret: "secret",
  clock,
  nowMicros: spools.nowMicros,
  log: {
    ...silentLog,
    warn: (fields, message) => process.stdout.write(`${JSON.stringify({ message, fields })}\n`),
  },
  timing: {
    ping: milliseconds(200),
    dead: milliseconds(1500),
    hello: milliseconds(1000),
    refusal: milliseconds(50),
  },
});
for (let number = 1; number <= Number(consoles); number++) {
  const node = nodeId(`n${number}`);
  const endpoint = endpointId(node, "console");
  const spool = await spools.open(endpoint);
  const device = connect({ host: "127.0.0.1", port: Number(devicePort) });
  device.on("error", () => process.exit(3));
  device.write(`${node}\n`);
  device.on("data", (chunk: Buffer) => spool.append(chunk));
  client.add({
    address: { agent: agentId("rack-a"), endpoint, node, driver: "test" },
    source: spool,
    condition: () => ({ up: true, abilities: [], spoolProblem: spool.problem }),
    onCondition: (callback) =>
      spool.onProblem(() => callback({ up: true, abilities: [], spoolProblem: spool.problem })),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        device.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    request: () => Promise.resolve(),
  });
}
client.start();
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
if (process.env["MEASURE"]) {
  let before = process.cpuUsage();
  clock.every(milliseconds(2000), () => {
    const used = process.cpuUsage(before);
    before = process.cpuUsage();
    const cores = (used.user + used.system) / 2_000_000;
    process.stdout.write(`${JSON.stringify({ cores, rss: process.memoryUsage.rss() })}\n`);
  });
}
process.on("SIGTERM", () => {
  const stop = async (): Promise<void> => {
    await client.stop();
    await spools[Symbol.asyncDispose]();
    process.exit(0);
  };
  void stop();
});

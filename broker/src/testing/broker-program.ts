import { systemClock } from "@outrider/contracts/clock";
import { startBroker } from "../broker.js";
import type { BrokerLimits } from "../limits.js";
import { brokerOptions, recordingLog } from "./support.js";

/**
 * A broker in a process of its own, so that load in the test's process does not count as its delay. Started with
 * `fork`: says its port, and answers every message with its counters and what it has logged.
 */
const log = recordingLog();
const limits = JSON.parse(process.argv[2] ?? "{}") as Partial<BrokerLimits>;
const broker = await startBroker({ ...brokerOptions(), limits, log, clock: systemClock });
process.send?.({ port: broker.port });
process.on("message", () => {
  process.send?.({ stats: broker.stats(), lines: log.lines });
});
process.on("disconnect", () => process.exit());

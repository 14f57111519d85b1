import { systemClock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import { openConsoleLogs } from "../log/console-logs.js";
import { knownBytes } from "./known-bytes.js";

/**
 * A process that writes a known stream into a log until it is killed. It says `stored <offset>` whenever the log would
 * acknowledge that much. Its source repeats from what was acknowledged, as an agent does.
 */
const [directory = "", acknowledged = "0"] = process.argv.slice(2);
const logs = await openConsoleLogs({ directory, clock: systemClock, keepFreeBytes: 0 });
const log = await logs.open("n1" as NodeId, { maxBytes: 2 ** 30, maxAgeMs: 1e12 });
logs.onStored(({ stored }) => process.stdout.write(`stored ${stored?.offset ?? 0}\n`));
process.stdout.write(`opened ${log.source?.offset ?? 0}\n`);
// Lines of the control channel end the process in an orderly way.
process.stdin.on("data", () => {
  void logs[Symbol.asyncDispose]().then(() => process.exit(0));
});

let offset = Number(acknowledged);
const pour = (): void => {
  // Faster than the disk is not what is tried here.
  if (!log.room || log.problem !== undefined) return;
  for (let batch = 0; batch < 8; batch++) {
    const length = 1 + ((offset * 7919) % 4096);
    log.take("s", [
      {
        kind: "bytes",
        offset,
        atMicros: 1_700_000_000_000_000 + offset,
        bytes: knownBytes(offset, length),
      },
    ]);
    offset += length;
  }
};
setInterval(pour, 1);

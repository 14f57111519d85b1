import { Integer, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import type { HeartbeatPort } from "@outrider/ports/heartbeat-port";
import { milliseconds } from "@outrider/ports/time";

export class InputHeartbeatOptions {
  /** The longest time in which a host that lives changes the line. Default 3000. */
  @Optional() @Integer(20, 30_000) withinMs?: number;
}

const WITHIN_MS = 3000;
/** Slow enough for a bus, and seen twice in each phase of an activity LED. */
const EVERY = milliseconds(20);

export const driver = defineDriver({
  port: "heartbeat",
  driver: "input",
  summary:
    "A line that a living host keeps changing, such as its activity LED, at an input of any mechanism.",
  actions: [],
  options: InputHeartbeatOptions,
  needs: { input: { port: "digital-input", summary: "follows the line" } },
  example: {
    options: { withinMs: 3000 },
    needs: { input: { driver: "gpio", options: { chip: "pinctrl-rp1", line: 24 } } },
  },
  proof: "gpio-amdpt of Linux 6.1 in a QEMU 7.2 guest, its registers driven from outside",
  open: async ({ withinMs = WITHIN_MS }, { clock }, { input }): Promise<HeartbeatPort> => ({
    proves: "activity",
    read: async (signal) => {
      const startMs = clock.monotonicMs();
      const first = await input.read(signal);
      const edges = await input.edges?.(signal);
      for (let tookMs = 0; tookMs < withinMs;) {
        await clock.sleep(EVERY, signal);
        const changed =
          edges === undefined
            ? (await input.read(signal)) !== first
            : (await input.edges?.(signal)) !== edges;
        tookMs = clock.monotonicMs() - startMs;
        if (changed) return { alive: true, tookMs };
      }
      const level = first ? "active" : "inactive";
      return { alive: false, detail: `The line has stayed ${level} for ${withinMs} ms.` };
    },
    [Symbol.asyncDispose]: async () => {},
  }),
});

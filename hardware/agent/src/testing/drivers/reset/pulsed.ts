import { defineDriver } from "@outrider/ports/driver";
import { pulse } from "@outrider/ports/pulse";
import { milliseconds } from "@outrider/contracts/clock";
import { NoOptions } from "../../no-options.js";

/** What happened to its one line, in order. */
export const line: string[] = [];

export const driver = defineDriver({
  port: "reset",
  driver: "pulsed",
  summary: "A line in memory that is pulled for a while.",
  actions: ["ForceRestart"],
  options: NoOptions,
  example: { options: {} },
  open: async (_options, { clock }) => ({
    reset: (signal) =>
      pulse(
        {
          evidence: "Assumed",
          read: async () => line.at(-1) === "pulled",
          set: async (active) => {
            // A slow device: letting go takes its time, too.
            if (!active) await clock.sleep(milliseconds(500));
            line.push(active ? "pulled" : "released");
          },
          [Symbol.asyncDispose]: async () => {},
        },
        milliseconds(5000),
        clock,
        signal,
      ),
    [Symbol.asyncDispose]: async () => void line.push("disposed"),
  }),
});

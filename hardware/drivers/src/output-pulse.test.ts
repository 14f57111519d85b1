import { PortError } from "@outrider/ports/port-error";
import type { DigitalOutputPort } from "@outrider/ports/digital-output-port";
import { describe, expect, it } from "vitest";
import { openPulsed } from "./output-pulse.js";
import { driverContext } from "./testing/context.js";
import { never } from "./testing/port-rig.js";

/** A line that somebody who was killed has left active. */
function line(evidence: "ReadBack" | "Assumed", readable = true) {
  const state = { active: true, away: false, sets: 0 };
  const away = (): PortError => new PortError("unreachable", "The line is away. Wait for it.");
  const output: DigitalOutputPort = {
    evidence,
    read: async () => {
      if (state.away || !readable) throw away();
      return state.active;
    },
    set: async (active) => {
      if (state.away) throw away();
      state.active = active;
      state.sets += 1;
    },
    [Symbol.asyncDispose]: async () => {},
  };
  return { output, state };
}

describe("a pulse whose agent was killed in the middle", () => {
  it.each([
    ["of a line that the device reads back", "ReadBack", true],
    ["of a line of which only the system knows what it was told", "Assumed", true],
    ["of a line that nobody can read", "Assumed", false],
  ] as const)("is ended at the next opening, %s", async (_, evidence, readable) => {
    const { output, state } = line(evidence, readable);
    await openPulsed(output, 10, driverContext());
    expect(state).toMatchObject({ active: false, sets: 1 });
  });

  it.each(["ReadBack", "Assumed"] as const)(
    "sets nothing that reads inactive: %s",
    async (evidence) => {
      const { output, state } = line(evidence);
      state.active = false;
      await openPulsed(output, 10, driverContext());
      expect(state.sets).toBe(0);
    },
  );

  it.each([
    ["ReadBack", true],
    ["Assumed", false],
  ] as const)(
    "is ended before the next pulse where it is away now: %s",
    async (evidence, readable) => {
      const { output, state } = line(evidence, readable);
      state.away = true;
      const pulsed = await openPulsed(output, 10, driverContext());
      expect(state.active).toBe(true);
      await expect(pulsed.pulse(never)).rejects.toMatchObject({ code: "unreachable" });
      state.away = false;
      await pulsed.pulse(never);
      // Released, pulled and released.
      expect(state).toMatchObject({ active: false, sets: 3 });
    },
  );
});

import { setInterval } from "node:timers";
import { GUEST_CHIP, joinDeviceGuest } from "./device-guest-rig.js";
import type { Declared } from "../open.js";

/** Looked at often enough for the shortest pulse that tests ask for. */
const LOOK_MS = 5;

/** A GPIO line of the guest that a driver pulses, watched from outside: every time that it becomes active counts. */
export async function pulseRig(driver: string, line: number) {
  const guest = await joinDeviceGuest();
  const active = (): boolean => guest.gpio.isOutput(line) && guest.gpio.output(line);
  let last = active();
  let pulses = 0;
  const look = (): void => {
    const now = active();
    if (now && !last) pulses += 1;
    last = now;
  };
  const timer = setInterval(look, LOOK_MS);
  const declared: Declared = {
    driver,
    options: { pulseMs: 150 },
    needs: { output: { driver: "gpio", options: { chip: GUEST_CHIP, line } } },
  };
  return {
    guest,
    declared,
    active,
    pulses: () => {
      look();
      return pulses;
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await guest[Symbol.asyncDispose]();
    },
  };
}

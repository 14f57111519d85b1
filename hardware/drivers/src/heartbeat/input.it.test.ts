import { clearInterval, setInterval } from "node:timers";
import { describe } from "vitest";
import { GUEST_CHIP, joinDeviceGuest, lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeHeartbeatPort } from "../testing/heartbeat-conformance.js";

const skip = await lacksDeviceGuest("an activity line at a GPIO line");
const LINE = 21;

describe.skipIf(skip)("on Linux", () => {
  describeHeartbeatPort("input", async () => {
    const guest = await joinDeviceGuest();
    let blinking: NodeJS.Timeout | undefined;
    let high = false;
    return {
      open: () =>
        guest.open("heartbeat", {
          driver: "input",
          options: { withinMs: 2000 },
          needs: { input: { driver: "gpio", options: { chip: GUEST_CHIP, line: LINE } } },
        }),
      live: async (alive) => {
        clearInterval(blinking);
        if (alive) blinking = setInterval(() => guest.gpio.drive(LINE, (high = !high)), 100);
      },
      [Symbol.asyncDispose]: async () => {
        clearInterval(blinking);
        await guest[Symbol.asyncDispose]();
      },
    };
  });
});

import { describe } from "vitest";
import { frontRig } from "../testing/front-rig.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { startSushy, sushy, SUSHY_USER } from "../testing/sushy.js";
import { driver } from "./redfish.js";

const bin = await sushy();
const PASSWORD = { file: "/etc/outrider/secrets/bmc" };
const NATIVE = ["ForceRestart", "GracefulShutdown", "Nmi"] as const;

describe.skipIf(bin === undefined)("sushy-emulator", () => {
  describePowerPort("redfish", () =>
    frontRig({
      driver,
      lacks: ["host", "blind-acts"],
      native: NATIVE,
      slotOption: "system",
      secrets: { [PASSWORD.file]: SUSHY_USER.password },
      start: (front) => startSushy(bin ?? "", front, { rackUrl: front.rackUrl }),
      optionsOf: ({ port }, slot) => ({
        url: `http://127.0.0.1:${port}`,
        unencrypted: true,
        username: SUSHY_USER.username,
        password: PASSWORD,
        system: String(slot),
        resetTypes: NATIVE,
      }),
    }),
  );
});

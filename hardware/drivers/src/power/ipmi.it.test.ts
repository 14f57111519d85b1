import { describe } from "vitest";
import { frontRig } from "../testing/front-rig.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { IPMI_USER, pyghmi, startPyghmi } from "../testing/pyghmi.js";
import { driver } from "./ipmi.js";

const bin = await pyghmi();
const PASSWORD = { file: "/etc/outrider/secrets/bmc" };
const CONTROLS = ["ForceRestart", "GracefulShutdown", "Nmi"] as const;

describe.skipIf(bin === undefined)("a BMC of pyghmi", () => {
  describePowerPort("ipmi", () =>
    frontRig({
      driver,
      lacks: ["host", "refusal", "outlets", "overlap", "blind-acts"],
      native: CONTROLS,
      secrets: { [PASSWORD.file]: IPMI_USER.password },
      start: (front) => startPyghmi(bin ?? "", front),
      optionsOf: ({ port }) => ({
        host: "127.0.0.1",
        port,
        username: IPMI_USER.username,
        password: PASSWORD,
        cipherSuite: 3,
        controls: CONTROLS,
      }),
    }),
  );
});

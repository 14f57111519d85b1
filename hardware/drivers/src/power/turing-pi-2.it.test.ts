import { openDriver } from "@outrider/ports/driver";
import { expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { frontRig } from "../testing/front-rig.js";
import { startPlug } from "../testing/plug-rig.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { failure, forever } from "../testing/power-rig.js";
import { driver } from "./turing-pi-2.js";

const PASSWORD = { file: "/etc/outrider/secrets/turing-pi" };

const startRig = () =>
  frontRig({
    driver,
    lacks: ["host", "refusal", "outlets"],
    secrets: { [PASSWORD.file]: "canary-of-plugs" },
    start: (front) => startPlug("turing-pi-2", front),
    optionsOf: ({ port }, node) => ({
      url: `http://127.0.0.1:${port}`,
      node,
      username: "root",
      password: PASSWORD,
      unencrypted: true,
    }),
  });

describePowerPort("turing-pi-2", startRig);

it("says who is not let in, and no password", async () => {
  await using rig = await startRig();
  const context = driverContext({ secrets: { [PASSWORD.file]: "canary-that-is-wrong" } });
  await using port = await openDriver(driver, rig.optionsOf(1), context);
  const error = await failure(port.read(forever));
  expect(error).toMatchObject({ code: "refused" });
  expect(error.message).not.toContain("canary");
});

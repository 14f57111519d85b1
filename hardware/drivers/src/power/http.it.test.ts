import { openDriver } from "@outrider/ports/driver";
import { describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { frontRig } from "../testing/front-rig.js";
import { startPlug } from "../testing/plug-rig.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { failure, forever } from "../testing/power-rig.js";
import { driver, valueAt } from "./http.js";

const startRig = () =>
  frontRig({
    driver,
    lacks: ["host", "refusal"],
    slotOption: "status.path",
    start: (front) => startPlug("shelly-1", front),
    optionsOf: ({ port }, slot) => ({
      url: `http://127.0.0.1:${port}`,
      on: { method: "POST", path: `/relay/${slot - 1}?turn=on` },
      off: { method: "POST", path: `/relay/${slot - 1}?turn=off` },
      status: { path: `/relay/${slot - 1}` },
      pointer: "/ison",
      onValue: "true",
      offValue: "false",
    }),
  });

describePowerPort("http", startRig);

describe("http", () => {
  it("takes what it does not know for an error, never for off", async () => {
    await using rig = await startRig();
    const options = { ...rig.optionsOf(1), pointer: "/source" };
    await using port = await openDriver(driver, options, driverContext());
    expect(await failure(port.read(forever))).toMatchObject({ code: "protocol" });
  });

  it.each([
    ["/a/0/b", "1"],
    ["/a~1b/c~0d", "true"],
    ["/a/1", undefined],
    ["/a", undefined],
    ["/__proto__/x", undefined],
    ["/nothing", undefined],
  ])("finds %s", (pointer, value) => {
    expect(valueAt({ a: [{ b: 1 }], "a/b": { "c~d": true } }, pointer)).toBe(value);
  });
});

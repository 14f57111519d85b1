import { describe } from "vitest";
import { describeIdentifyPort } from "../testing/identify-conformance.js";
import { redfishRig } from "../testing/redfish-rig.js";
import { sushy } from "../testing/sushy.js";
import { driver } from "./redfish.js";

const bin = await sushy();
const SYSTEM = "/redfish/v1/Systems/1";

describe.skipIf(bin === undefined)("sushy-emulator", () => {
  describeIdentifyPort("redfish", async () => {
    const rig = await redfishRig(bin ?? "", driver);
    return Object.assign(rig, {
      shines: async () => (await rig.resource(SYSTEM))["IndicatorLED"] !== "Off",
      light: async (on: boolean) =>
        void (await rig.resource(SYSTEM, { IndicatorLED: on ? "Lit" : "Off" })),
    });
  });
});

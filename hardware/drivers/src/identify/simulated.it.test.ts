import { describeIdentifyPort } from "../testing/identify-conformance.js";
import { slotPortRig } from "../testing/slot-port-rig.js";

describeIdentifyPort("simulated", async () => {
  const rig = await slotPortRig("identify");
  return {
    ...rig,
    shines: async () => (await rig.world.lamp(1)).on,
    light: async (on) => void (await rig.world.setLamp(1, on)),
  };
});

import { describeSensorPort } from "../testing/sensor-conformance.js";
import { slotPortRig } from "../testing/slot-port-rig.js";

describeSensorPort("simulated", async () => {
  const rig = await slotPortRig("sensor");
  return {
    ...rig,
    measure: async () => {
      const { supply } = await rig.world.get(1);
      const after = await rig.world.supply(1, supply === "off");
      return { powerWatts: after.drawWatts };
    },
  };
});

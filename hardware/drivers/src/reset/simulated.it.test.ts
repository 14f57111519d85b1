import { describeResetPort } from "../testing/reset-conformance.js";
import { slotPortRig } from "../testing/slot-port-rig.js";

describeResetPort("simulated", async () => {
  const rig = await slotPortRig("reset");
  return {
    ...rig,
    resets: () => rig.edges("reset"),
  };
});

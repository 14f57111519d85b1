import { describeButtonPort } from "../testing/button-conformance.js";
import { slotPortRig } from "../testing/slot-port-rig.js";

describeButtonPort("simulated", async () => {
  const rig = await slotPortRig("button");
  return {
    ...rig,
    can: ["press"],
    asked: () => rig.edges("press"),
  };
});

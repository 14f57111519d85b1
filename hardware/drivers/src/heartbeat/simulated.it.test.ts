import { describeHeartbeatPort } from "../testing/heartbeat-conformance.js";
import { slotPortRig } from "../testing/slot-port-rig.js";

describeHeartbeatPort("simulated", async () => {
  const rig = await slotPortRig("heartbeat");
  return {
    ...rig,
    live: async (alive) => {
      if (alive) await rig.world.reset(1);
      else await rig.world.guest(1, "panic");
    },
  };
});

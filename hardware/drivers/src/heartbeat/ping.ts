import { defineDriver } from "@outrider/ports/driver";
import { ping } from "@outrider/transports/ping";
import { HostOptions, WAIT_MS } from "../host-options.js";

export const driver = defineDriver({
  port: "heartbeat",
  driver: "ping",
  summary:
    "ICMP echo by the system's ping: proves that the host's kernel runs, and nothing of its programs.",
  actions: [],
  options: HostOptions,
  example: { options: { host: "10.0.0.31" } },
  proof: "iputils 20221126 and the kernel of another network namespace",
  open: async ({ host, waitMs = WAIT_MS }, { clock }) => ({
    proves: "network",
    read: async (signal) => {
      const what = `The host ${host}`;
      const { answered, ...rest } = await ping({ host, waitMs, what, clock }, signal);
      return { alive: answered, ...rest };
    },
    [Symbol.asyncDispose]: async () => {},
  }),
});

import { Integer } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { knock } from "@outrider/transports/tcp-knock";
import { HostOptions, WAIT_MS } from "../host-options.js";

export class TcpPortOptions extends HostOptions {
  /** TCP port that something on the host listens on. */
  @Integer(1, 65_535)
  port!: number;
}

export const driver = defineDriver({
  port: "heartbeat",
  driver: "tcp-port",
  summary:
    "A TCP connection to a port of the host: proves that its kernel accepts it; the program behind it may hang.",
  actions: [],
  options: TcpPortOptions,
  example: { options: { host: "10.0.0.31", port: 6443 } },
  proof: "OpenSSH 9.2",
  open: async ({ host, port, waitMs = WAIT_MS }, { clock }) => ({
    proves: "port",
    read: async (signal) => {
      const what = `The host ${host}, port ${port},`;
      const { answered, ...rest } = await knock({ host, port, waitMs, what, clock }, signal);
      return { alive: answered, ...rest };
    },
    [Symbol.asyncDispose]: async () => {},
  }),
});

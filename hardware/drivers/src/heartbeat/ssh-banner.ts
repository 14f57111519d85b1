import { Integer, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { knock, printable, type Listen } from "@outrider/transports/tcp-knock";
import { HostOptions, WAIT_MS } from "../host-options.js";

export class SshBannerOptions extends HostOptions {
  /** Default 22. */
  @Optional()
  @Integer(1, 65_535)
  port?: number;
}

export const driver = defineDriver({
  port: "heartbeat",
  driver: "ssh-banner",
  summary:
    "The greeting of the host's SSH server: proves that programs of the host are run; logs in to nothing.",
  actions: [],
  options: SshBannerOptions,
  example: { options: { host: "10.0.0.31" } },
  proof: "OpenSSH 9.2",
  open: async ({ host, port = 22, waitMs = WAIT_MS }, { clock }) => ({
    proves: "service",
    read: async (signal) => {
      const what = `The SSH server at ${host}, port ${port},`;
      const at = { host, port, waitMs, what, clock };
      const { answered, ...rest } = await knock(at, signal, greeting);
      return { alive: answered, ...rest };
    },
    [Symbol.asyncDispose]: async () => {},
  }),
});

/** A server may say other lines before it says its version (RFC 4253, 4.2). */
const greeting: Listen = (said) => {
  const lines = said.toString("latin1").split("\n");
  // The last one has not ended.
  const version = lines.slice(0, -1).find((line) => line.startsWith("SSH-"));
  if (version === undefined) return undefined;
  return {
    answered: true,
    detail: `It says ${printable(Buffer.from(version.trimEnd(), "latin1"))}.`,
  };
};

import { Integer, Nested, Optional, Text } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import { defineDriver } from "@outrider/ports/driver";
import { sshCommand } from "@outrider/transports/ssh-command";
import { Matches } from "class-validator";

export class SshButtonOptions {
  /** Name or address of the host. */
  @Matches(/^[A-Za-z0-9][A-Za-z0-9.:%_-]{0,252}$|^::[A-Fa-f0-9:.%]*$/)
  host!: string;
  /** Default 22. */
  @Optional()
  @Integer(1, 65_535)
  port?: number;
  /** Who is logged in as. */
  @Matches(/^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/)
  user!: string;
  /** The host's public key, as `ssh-keyscan` shows it after the name; any other is refused. */
  @Matches(/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,1200}={0,2}$/)
  hostKey!: string;
  /** The private key, without a passphrase. On the host it should be restricted to one command. */
  @Nested(() => SecretReference)
  key!: SecretReference;
  /** What is run where the key is not restricted to a command. Default: `sudo -n systemctl poweroff`. */
  @Optional()
  @Text(500)
  command?: string;
}

const POWER_OFF = "sudo -n systemctl poweroff";

export const driver = defineDriver({
  port: "button",
  driver: "ssh",
  summary: "Tells a host to shut down by a key of SSH that may do nothing else.",
  actions: ["GracefulShutdown"],
  options: SshButtonOptions,
  example: {
    options: {
      host: "10.0.0.31",
      user: "outrider",
      hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKq5zZ1kX5n2wEoF3cBvG0mJd7sYtLhRpUxWaQeVbNiM",
      key: { file: "/etc/outrider/secrets/shutdown-key" },
    },
  },
  proof: "OpenSSH 9.2, server and client",
  open: async (options, { clock, secret }) => {
    const { host, port = 22, user, hostKey, key, command = POWER_OFF } = options;
    const privateKey = await secret(key);
    const what = `The host ${host}, port ${port}, by SSH`;
    return {
      shutDown: (signal) =>
        sshCommand({ host, port, user, hostKey, privateKey, command, what, clock }, signal),
      [Symbol.asyncDispose]: async () => {},
    };
  },
});

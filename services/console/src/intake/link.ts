import type { LinkedConsole } from "@outrider/console-link/linked-console";
import { LinkServer } from "@outrider/console-link/link-server";
import { microClock } from "@outrider/console-link/micro-clock";
import type { Clock } from "@outrider/contracts/clock";
import type { CredentialStore } from "@outrider/identity/credential-store";
import type { Log } from "@outrider/messaging/log";

export interface LinkOptions {
  readonly bind: string;
  /** 0: a free one. */
  readonly port: number;
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  readonly credentials: CredentialStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly onConsole: (linked: LinkedConsole) => void;
}

/** Listens for agents, which are let in by the same secrets as at the broker. @throws the system's error when it cannot listen */
export async function openLink(
  options: LinkOptions,
): Promise<{ readonly server: LinkServer; readonly port: number }> {
  const { bind, port, tls, credentials, clock, log, onConsole } = options;
  const server = new LinkServer({
    tls,
    clock,
    log,
    nowMicros: microClock(clock),
    onConsole,
    verify: async (agent, secret) => {
      const identity = await credentials.verify(
        { kind: "agent", name: agent },
        Buffer.from(secret),
      );
      return identity && { stillStands: () => credentials.stillStands(identity) };
    },
  });
  return { server, port: await server.listen(bind, port) };
}

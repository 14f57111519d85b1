import { connect, type Socket } from "node:net";
import { PortError } from "@outrider/ports/port-error";
import { withDeadline } from "@outrider/ports/deadline";
import { milliseconds, type Clock } from "@outrider/ports/time";
import { AtMost } from "./at-most.js";
import { connectionError } from "./connection-error.js";

export interface Knock {
  readonly host: string;
  readonly port: number;
  /** How long is waited altogether. */
  readonly waitMs: number;
  /** The host with its address, as messages name it. */
  readonly what: string;
  readonly clock: Clock;
}

export interface KnockAnswer {
  readonly answered: boolean;
  /** To the answer, in milliseconds. */
  readonly tookMs?: number;
  readonly detail?: string;
}

/** What is looked for in what the other side says first; undefined: not enough has come yet. */
export type Listen = (said: Buffer) => KnockAnswer | undefined;

const AT_ONCE = 64;
const running = new AtMost(AT_ONCE);
const NOBODY = "Its kernel refuses: it runs, and nobody listens on that port.";
const AWAY: Readonly<Record<string, string | undefined>> = {
  ECONNREFUSED: NOBODY,
  EHOSTUNREACH: "The network says that there is no such host.",
  EHOSTDOWN: "The network says that there is no such host.",
  ETIMEDOUT: undefined,
  ECONNRESET: "The connection was reset.",
};

/**
 * Connects over TCP, and hears what is said first when `listen` is given. The connection is closed again.
 * @throws PortError `unreachable` when one could not ask: no such name, no network · the signal's reason
 */
export function knock(at: Knock, signal: AbortSignal, listen?: Listen): Promise<KnockAnswer> {
  const { host, port, waitMs, what, clock } = at;
  return running.run(signal, async () => {
    const startedMs = clock.monotonicMs();
    const tookMs = (): number => Math.round((clock.monotonicMs() - startedMs) * 10) / 10;
    const socket = connect({ host, port, noDelay: true });
    let open = false;
    try {
      return await withDeadline(clock, milliseconds(waitMs), signal, what, async () => {
        await opened(socket);
        open = true;
        const connectedMs = tookMs();
        if (!listen) return { answered: true, tookMs: connectedMs };
        const answer = await heard(socket, listen);
        return { ...answer, tookMs: tookMs() };
      });
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof PortError && error.code === "timed-out") {
        return open
          ? { answered: false, detail: "Its kernel accepts the connection, and no greeting comes." }
          : { answered: false };
      }
      const code = (error as NodeJS.ErrnoException).code ?? "";
      if (!Object.hasOwn(AWAY, code)) throw connectionError(what, error as Error);
      const detail = open ? "The connection was closed without a word." : AWAY[code];
      return { answered: false, ...(detail === undefined ? {} : { detail }) };
    } finally {
      socket.destroy();
    }
  });
}

function opened(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    // Also what comes later, when nobody waits any more.
    socket.on("error", reject);
    socket.once("connect", () => resolve());
  });
}

const MOST_HEARD_BYTES = 8192;

function heard(socket: Socket, listen: Listen): Promise<KnockAnswer> {
  return new Promise((resolve, reject) => {
    let said = Buffer.alloc(0);
    socket.once("error", reject);
    socket.on("data", (chunk: Buffer) => {
      said = Buffer.concat([said, chunk]);
      const answer = listen(said);
      if (answer) resolve(answer);
      else if (said.length > MOST_HEARD_BYTES) resolve(strange(said));
    });
    socket.once("close", () =>
      resolve(
        said.length > 0
          ? strange(said)
          : { answered: false, detail: "The connection was closed without a word." },
      ),
    );
  });
}

function strange(said: Buffer): KnockAnswer {
  return { answered: false, detail: `Something else answers there: ${printable(said)}` };
}

/** The first line of what was said, fit to be shown. */
export function printable(said: Buffer): string {
  const [line = ""] = said.toString("latin1").split(/\r?\n/);
  return JSON.stringify(line.slice(0, 100).replaceAll(/[^ -~]/g, "?"));
}

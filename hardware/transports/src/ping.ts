import { PortError } from "@outrider/ports/port-error";
import { milliseconds, type Clock } from "@outrider/ports/time";
import { AtMost } from "./at-most.js";
import { CHILD_PATH, runChild, type ChildResult } from "./child.js";

export interface PingQuestion {
  readonly host: string;
  /** How long an answer is waited for. */
  readonly waitMs: number;
  /** The host with its address, as messages name it. */
  readonly what: string;
  readonly clock: Clock;
}

export interface PingAnswer {
  readonly answered: boolean;
  readonly tookMs?: number;
  /** What a router or the own system said instead: "Destination Host Unreachable". */
  readonly detail?: string;
}

/** However many hosts are silent: each takes a process while it is waited for. */
const AT_ONCE = 16;
const running = new AtMost(AT_ONCE);
/** Starting the program, and the name server. */
const BESIDES_MS = 3000;

/**
 * One ICMP echo by the system's own `ping` (iputils), which may send it where this process may not.
 * @throws PortError when one could not ask: `unreachable` (no such name, no network), `unsupported` (not allowed),
 *   `invalid-options` (there is no such program), `timed-out` · the signal's reason
 */
export function ping(question: PingQuestion, signal: AbortSignal): Promise<PingAnswer> {
  const { host, waitMs, what, clock } = question;
  return running.run(signal, async () => {
    const args = ["-n", "-c", "1", "-W", String(waitMs / 1000), host];
    const env = { PATH: CHILD_PATH, LC_ALL: "C" };
    const deadline = milliseconds(waitMs + BESIDES_MS);
    return answerOf(
      await runChild({ command: "ping", args, env, what, deadline, clock }, signal),
      what,
    );
  });
}

function answerOf({ code, stdout, stderr }: ChildResult, what: string): PingAnswer {
  const took = / time[=<]([0-9.]+) ms/.exec(stdout)?.[1];
  if (code === 0)
    return { answered: true, ...(took === undefined ? {} : { tookMs: Number(took) }) };
  const said =
    stderr
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/^ping: /, "")
      .slice(0, 200) ?? "";
  if (code === 1) {
    const instead = /^From \S+ (?:icmp_seq=\d+ )?(.{1,100})$/m.exec(stdout)?.[0];
    return { answered: false, ...(instead === undefined ? {} : { detail: instead }) };
  }
  if (/Operation not permitted|Permission denied|cap_net_raw/i.test(stderr)) {
    throw new PortError(
      "unsupported",
      `${what} cannot be asked: this system lets the agent's user send no ICMP echo. Allow it with sysctl net.ipv4.ping_group_range="0 2147483647", or choose heartbeat/tcp-port.`,
    );
  }
  throw new PortError(
    "unreachable",
    `${what} cannot be asked: ${said === "" ? "ping said nothing" : said}. Check the name, and the network of the agent's host.`,
  );
}

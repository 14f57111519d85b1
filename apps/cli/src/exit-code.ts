import type { CommandStatus } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { TransitionTask } from "@outrider/contracts/transition";

/** What `outrider` ends with. Scripts rely on these numbers. */
export const EXIT = {
  /** Everything that was asked for was done and verified. */
  verified: 0,
  error: 1,
  usage: 2,
  /** Some nodes did, some did not. */
  partial: 3,
  notAllowed: 4,
  /** There is no such node, or it is locked, busy, or not in a state in which this can be done. */
  precondition: 5,
  /** It is not known what became of it, or it did not happen in time. */
  timedOut: 6,
  /** The broker, the service, the agent or the device cannot be reached. */
  unreachable: 7,
  /** Ctrl-C. What was accepted goes on. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const REASON_EXIT: Readonly<Record<ReasonCode, ExitCode>> = {
  invalid: EXIT.usage,
  "unknown-node": EXIT.precondition,
  "unsupported-action": EXIT.error,
  retained: EXIT.error,
  "not-allowed": EXIT.notAllowed,
  busy: EXIT.precondition,
  locked: EXIT.precondition,
  "agent-away": EXIT.unreachable,
  "endpoint-failed": EXIT.error,
  expired: EXIT.error,
  "stale-epoch": EXIT.error,
  "clock-unknown": EXIT.error,
  fenced: EXIT.precondition,
  "expectation-failed": EXIT.precondition,
  "unknown-endpoint": EXIT.error,
  "needs-cycle": EXIT.precondition,
  "supply-off": EXIT.precondition,
  "host-halted": EXIT.precondition,
  "fault-latched": EXIT.precondition,
  refused: EXIT.error,
  "no-start-slot": EXIT.timedOut,
  interlocked: EXIT.precondition,
  "drain-failed": EXIT.precondition,
  aborted: EXIT.error,
  unreachable: EXIT.unreachable,
  "timed-out": EXIT.timedOut,
  "not-verified": EXIT.error,
  "not-obeyed": EXIT.timedOut,
  interrupted: EXIT.error,
  superseded: EXIT.error,
  "agent-lost": EXIT.timedOut,
  "never-started": EXIT.error,
  "storage-failed": EXIT.error,
  internal: EXIT.error,
};

/** The exit code of one command that has ended. */
export function exitOfResult(result: {
  readonly status: CommandStatus;
  readonly reasonCode?: ReasonCode | undefined;
}): ExitCode {
  switch (result.status) {
    case "Succeeded":
      return EXIT.verified;
    case "TimedOut":
    case "Unknown":
    // Still under way is not known to have ended.
    case "Accepted":
    case "InProgress":
      return EXIT.timedOut;
    case "Failed":
    case "Rejected":
    case "Canceled":
      // A service of a later version may know reasons that this program does not.
      return (result.reasonCode && REASON_EXIT[result.reasonCode]) ?? EXIT.error;
    default:
      return result.status satisfies never;
  }
}

/** Codes of problems that no command has. */
const PROBLEM_EXIT: Readonly<Record<string, ExitCode>> = {
  "not-found": EXIT.precondition,
  conflict: EXIT.precondition,
  "precondition-failed": EXIT.precondition,
  unavailable: EXIT.unreachable,
  "not-signed-in": EXIT.notAllowed,
  "sign-in-failed": EXIT.notAllowed,
  "password-expired": EXIT.notAllowed,
  "foreign-origin": EXIT.notAllowed,
};

/** The exit code of a request that the gateway refused. @param status of HTTP, for codes of a later version @param field that was wrong */
export function exitOfCode(code: string, status: number, field = ""): ExitCode {
  // How a node set is written was checked here: what is wrong is that the site has not these nodes.
  if (code === "invalid" && field === "nodes") return EXIT.precondition;
  const known =
    (Object.hasOwn(PROBLEM_EXIT, code) ? PROBLEM_EXIT[code] : undefined) ??
    (Object.hasOwn(REASON_EXIT, code) ? REASON_EXIT[code as ReasonCode] : undefined);
  if (known !== undefined) return known;
  if (status === 401 || status === 403) return EXIT.notAllowed;
  if (status === 400 || status === 422) return EXIT.usage;
  if ([404, 409, 412, 423].includes(status)) return EXIT.precondition;
  if (status === 504) return EXIT.timedOut;
  return status === 503 ? EXIT.unreachable : EXIT.error;
}

/** The exit code of one node's task in a transition. */
export function exitOfTask(task: Pick<TransitionTask, "state" | "reasonCode">): ExitCode {
  switch (task.state) {
    case "Waiting":
    case "Draining":
    case "Running":
      return EXIT.timedOut;
    case "Canceled":
      return task.reasonCode === "expired" ? EXIT.timedOut : EXIT.error;
    default:
      return exitOfResult({ status: task.state, reasonCode: task.reasonCode });
  }
}

/** One exit code for several nodes. */
export function exitOfAll(codes: readonly ExitCode[]): ExitCode {
  const [first = EXIT.verified] = codes;
  if (codes.includes(EXIT.interrupted)) return EXIT.interrupted;
  if (codes.every((code) => code === first)) return first;
  return codes.includes(EXIT.verified) ? EXIT.partial : EXIT.error;
}

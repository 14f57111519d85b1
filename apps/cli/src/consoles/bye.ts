import { EXIT, type ExitCode } from "../exit-code.js";

/** Why a console was left, as the service says it in a word, and what that is to a script. */
const BYES: Readonly<Record<string, ExitCode>> = {
  left: EXIT.verified,
  "not-found": EXIT.precondition,
  "no-console": EXIT.precondition,
  "too-many": EXIT.precondition,
  "not-allowed": EXIT.notAllowed,
  "signed-out": EXIT.notAllowed,
  idle: EXIT.timedOut,
  disconnected: EXIT.error,
  stopping: EXIT.unreachable,
};

/** The exit code of a console that was left. @param code a later service may know others */
export function exitOfBye(code: string): ExitCode {
  return (Object.hasOwn(BYES, code) ? BYES[code] : undefined) ?? EXIT.error;
}

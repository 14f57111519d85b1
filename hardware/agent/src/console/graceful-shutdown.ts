import { SYSRQ_KEYS, type SysRqName } from "@outrider/contracts/console";
import { seconds, type Duration } from "@outrider/contracts/clock";
import { PortError } from "@outrider/ports/port-error";
import { crashPoint } from "../failpoints.js";
import { isRefusal, nothingDone, reasonOf, type Outcome } from "../outcome.js";
import type { KernelWords } from "./kernel-words.js";

interface Step {
  readonly key: SysRqName;
  /** What the kernel says when it is done. */
  readonly done: RegExp;
  /** How long it is given when it says nothing. */
  readonly within: Duration;
}

/**
 * What a console can do to bring a host down in order (Linux, admin-guide/sysrq). The kernel does the first two in the
 * background and says that they are done as a warning, which `quiet` (log level 4) keeps off the console. What it says
 * there in any case, `sysrq: Emergency Sync`, it says before it begins, so that nothing that can be seen then tells the
 * end: it is given a fixed time, which ends early only when it says so. The times are short: a host that was switched
 * off and on by hand meanwhile must not be told to power off when it has booted again, and remounting syncs once more
 * what the first key did not have time for.
 */
export const SHUTDOWN_STEPS: readonly Step[] = [
  { key: "sync", done: /Emergency Sync complete/, within: seconds(5) },
  { key: "remount-read-only", done: /Emergency Remount complete/, within: seconds(5) },
  // Only to hear it refuse: whether the host went down is the power service's to see.
  { key: "power-off", done: /sysrq: ?Power Off/i, within: seconds(1) },
];

/** The kernel’s own word where `kernel.sysrq` does not allow a key. */
const DISABLED = /sysrq operation is disabled/;

export interface ShutdownByConsole {
  /** Presses a Magic SysRq key. @throws PortError · the signal's reason */
  readonly press: (key: string, signal: AbortSignal) => Promise<void>;
  /** What the console says meanwhile. */
  readonly words: KernelWords;
  /** Aborted when the agent stops. */
  readonly signal: AbortSignal;
  /** Aborted with a sentence when the node is told something else by another way. */
  readonly overtaken: AbortSignal;
  readonly progress: (detail: string) => void;
}

/**
 * Syncs, remounts read-only and powers off by Magic SysRq. Success says that the keys were taken by the console, not
 * that the host is down.
 * @throws the reason of `signal`
 */
export async function shutDownByConsole(shutdown: ShutdownByConsole): Promise<Outcome> {
  const { press, words, signal, overtaken, progress } = shutdown;
  const either = AbortSignal.any([signal, overtaken]);
  const pressed: SysRqName[] = [];
  for (const { key, done, within } of SHUTDOWN_STEPS) {
    signal.throwIfAborted();
    if (overtaken.aborted) return supersededBy(overtaken, pressed, undefined);
    crashPoint("agent.acting");
    words.forget();
    try {
      await press(SYSRQ_KEYS[key], either);
    } catch (error) {
      signal.throwIfAborted();
      if (overtaken.aborted) return supersededBy(overtaken, pressed, key);
      return notPressed(error, pressed, key);
    }
    pressed.push(key);
    progress(`${key} was pressed by Magic SysRq`);
    const heard = await words.hear([done, DISABLED], within, either);
    signal.throwIfAborted();
    if (heard === DISABLED) return disabled(pressed, key);
  }
  crashPoint("agent.acted");
  return {
    status: "Succeeded",
    changed: true,
    detail: `${list(pressed)} were pressed by Magic SysRq; whether the host is down is seen at its supply`,
    patch: {},
  };
}

function notPressed(error: unknown, pressed: readonly SysRqName[], key: SysRqName): Outcome {
  if (!(error instanceof PortError)) throw error;
  const refused = isRefusal(error.code);
  if (pressed.length === 0 && refused) return nothingDone("refused", error.code, error.message);
  const reasonCode = reasonOf(error.code);
  if (key === "power-off" && !refused) {
    return {
      status: "Unknown",
      reasonCode,
      detail: `whether the console took ${key} is not known, and it was not repeated: ${error.message}`,
      patch: {},
    };
  }
  return {
    status: "Failed",
    reasonCode,
    detail: `the host was not told to power off: ${error.message} ${sofar(pressed)}`,
    patch: {},
  };
}

function disabled(pressed: readonly SysRqName[], key: SysRqName): Outcome {
  return {
    status: "Failed",
    reasonCode: "refused",
    detail: `the host's kernel does not allow ${key} by Magic SysRq; set kernel.sysrq there. ${sofar(pressed.slice(0, -1))}`,
    ...(pressed.length === 1 ? { nothingDone: "refused" as const } : {}),
    patch: {},
  };
}

function supersededBy(
  overtaken: AbortSignal,
  pressed: readonly SysRqName[],
  key: SysRqName | undefined,
): Outcome {
  const { message } = overtaken.reason as Error;
  if (key === "power-off") {
    return {
      status: "Unknown",
      reasonCode: "superseded",
      detail: `${message}; whether the console had taken ${key} is not known`,
      patch: {},
    };
  }
  return {
    status: "Failed",
    reasonCode: "superseded",
    detail: `${message}; the host was not told to power off. ${sofar(pressed)}`,
    patch: {},
  };
}

function sofar(pressed: readonly SysRqName[]): string {
  if (pressed.length === 0) return "Nothing was pressed.";
  return pressed.includes("remount-read-only")
    ? `Pressed were ${list(pressed)}: its file systems may be read-only until it is restarted.`
    : `Pressed was ${list(pressed)}.`;
}

function list(keys: readonly SysRqName[]): string {
  return keys.join(", ");
}

import { writeFileSync, writeSync } from "node:fs";

/**
 * Named points at which a test makes the process die or stop, by environment:
 *
 * `OUTRIDER_FAILPOINT=<name>[#<n>][:kill|:stop:<file>][,…]`
 *
 * - `kill` (the default): SIGKILL to itself. Nothing after the point runs, no buffer is flushed.
 * - `stop:<file>`: writes its pid to `<file>`, then SIGSTOP to itself; SIGCONT lets it go on. The file is there a moment
 *   before the process has stopped: wait until `/proc/<pid>/stat` says `T`. The file name has no comma.
 * - `#<n>`: at the n-th passage instead of the first. Each entry acts once.
 *
 * Without the variable a point is one comparison. The variable is read once, when the process starts.
 */
export interface Failpoint {
  readonly name: string;
  readonly passage: number;
  readonly stopFile: string | undefined;
}

/** Exit code of a process that was told to fail at a point it does not have (EX_USAGE of sysexits.h). */
export const UNKNOWN_FAILPOINT_EXIT = 64;

const ENTRY = /^([a-z0-9]+(?:[.-][a-z0-9]+)*)(?:#([1-9]\d{0,5}))?(?::kill|:stop:(.+))?$/;

const setting = process.env["OUTRIDER_FAILPOINT"];
const armed = setting === undefined || setting === "" ? undefined : arm(setting);
const passages = new Map<string, number>();
let declared: ReadonlySet<string> | undefined;

/**
 * Passes the point `name`. Packages narrow it to their own names, so that a typo does not compile:
 * `const crashPoint: (name: AgentFailpoint) => void = failpoint`.
 */
export function failpoint(name: string): void {
  if (armed !== undefined) pass(name, armed);
}

/**
 * Says which points this process has: called once by its main, first of all, with the names of all its parts.
 * Ends the process with {@link UNKNOWN_FAILPOINT_EXIT} when the environment names another one, since a test that
 * waits for a crash that cannot come proves nothing.
 */
export function declareFailpoints(names: readonly string[]): void {
  if (armed === undefined) return;
  declared = new Set(names);
  for (const { name } of armed) refuseUnknown(name);
  writeSync(
    2,
    `OUTRIDER_FAILPOINT is set (${setting}): this process is under test and will fail on purpose\n`,
  );
}

/** Reads the variable's value. @throws Error that says what was expected. */
export function parseFailpoints(text: string): Failpoint[] {
  return text.split(",").map((entry) => {
    const match = ENTRY.exec(entry.trim());
    if (!match?.[1])
      throw new Error(`${JSON.stringify(entry)} is no <name>[#<n>][:kill|:stop:<file>]`);
    return { name: match[1], passage: Number(match[2] ?? 1), stopFile: match[3] };
  });
}

function arm(text: string): Failpoint[] {
  try {
    return parseFailpoints(text);
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function pass(name: string, points: readonly Failpoint[]): void {
  refuseUnknown(name);
  const passage = (passages.get(name) ?? 0) + 1;
  passages.set(name, passage);
  const point = points.find((one) => one.name === name && one.passage === passage);
  if (!point) return;
  if (point.stopFile === undefined) {
    process.kill(process.pid, "SIGKILL");
    // Should the kernel let the thread run on for a moment, it must not get any further.
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
  writeFileSync(point.stopFile, `${process.pid}\n`);
  process.kill(process.pid, "SIGSTOP");
}

function refuseUnknown(name: string): void {
  if (declared !== undefined && !declared.has(name)) {
    refuse(
      `no failpoint ${name} here; there are: ${[...declared].toSorted().join(", ") || "none"}`,
    );
  }
}

function refuse(why: string): never {
  writeSync(2, `OUTRIDER_FAILPOINT: ${why}\n`);
  process.exit(UNKNOWN_FAILPOINT_EXIT);
}

import { spawn, type ChildProcess } from "node:child_process";
import { realpath } from "node:fs/promises";
import { isAbsolute, sep } from "node:path";
import { milliseconds, type Clock } from "@outrider/contracts/clock";
import { failed, Tail, type HookContext, type HookOutcome } from "./hook-outcome.js";

/** How long a hook that has ended is listened to. */
const LAST_WORDS = milliseconds(250);

/**
 * Runs a program of the site without a shell, as the leader of a process group that is killed as a whole at the
 * deadline. It inherits nothing of our environment but where programs and the home directory are.
 * @param command program and arguments
 * @param signal aborted: the group is killed
 */
export async function runCommandHook(
  command: readonly string[],
  context: HookContext,
  options: {
    readonly deadlineMs: number;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    /** The folder that the program has to lie in. */
    readonly hookDirectory?: string | undefined;
  },
): Promise<HookOutcome> {
  const { deadlineMs, clock, signal, hookDirectory } = options;
  const [program, ...args] = command;
  if (program === undefined) return failed("the hook has no program", "");
  const allowed = await allowedPath(program, hookDirectory);
  if ("refused" in allowed) return failed(allowed.refused, "");
  if (signal.aborted)
    return failed(`${program} was not run, because it was not needed any more`, "");
  const output = new Tail();
  let child: ChildProcess;
  try {
    child = spawn(allowed.path, args, {
      argv0: program,
      env: environment(context),
      cwd: "/",
      shell: false,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    // Some reasons are thrown (ENOTDIR, ELOOP, E2BIG, a NUL in an argument), others come as an event.
    return failed(`${program} could not be run`, (error as Error).message);
  }
  // Without a free file descriptor there are no pipes.
  for (const pipe of [child.stdout, child.stderr]) {
    pipe?.on("data", (chunk: Buffer) => output.push(chunk));
    pipe?.on("error", () => undefined);
  }
  const over = new AbortController();
  try {
    return await Promise.race([
      ended(child, program, output, clock),
      late(clock, deadlineMs, AbortSignal.any([signal, over.signal])).then((why) =>
        failed(
          why === "late"
            ? `${program} did not end within ${deadlineMs / 1000} s and was killed`
            : `${program} was killed because it was not needed any more`,
          output.text,
        ),
      ),
    ]);
  } finally {
    over.abort();
    killGroup(child);
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

/** What is run for a program: where it has to lie in a folder, the file that was checked, whatever is linked later. */
async function allowedPath(
  program: string,
  hookDirectory: string | undefined,
): Promise<{ readonly path: string } | { readonly refused: string }> {
  if (hookDirectory === undefined) return { path: program };
  const rule = `OUTRIDER_HOOK_DIR of the power service allows programs in ${hookDirectory} only`;
  if (!isAbsolute(program)) {
    return { refused: `${program} was not run: ${rule}, named by their absolute path` };
  }
  try {
    const [folder, path] = await Promise.all([realpath(hookDirectory), realpath(program)]);
    if (path.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return { path };
    const is = path === program ? "" : `, and it is ${path}`;
    return { refused: `${program} was not run: ${rule}${is}` };
  } catch (error) {
    return { refused: `${program} could not be run: ${(error as Error).message}` };
  }
}

/**
 * On the exit, not the close: a grandchild that keeps a pipe open holds up nobody. What was said last may still be in
 * the pipe, so that is waited for a moment.
 */
async function ended(
  child: ChildProcess,
  program: string,
  output: Tail,
  clock: Clock,
): Promise<HookOutcome> {
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const exit = await new Promise<{ code: number | null; by: string | null } | Error>((resolve) => {
    child.once("error", resolve);
    child.once("exit", (code, by) => resolve({ code, by }));
  });
  if (exit instanceof Error) return failed(`${program} could not be run`, exit.message);
  if (exit.code === 0) return { ok: true };
  killGroup(child);
  const over = new AbortController();
  const waited = clock.sleep(LAST_WORDS, over.signal).catch(() => undefined);
  await Promise.race([closed, waited]);
  over.abort();
  const how = exit.by === null ? `ended with exit code ${exit.code}` : `was ended by ${exit.by}`;
  return failed(`${program} ${how}`, output.text);
}

async function late(
  clock: Clock,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<"late" | "stopped"> {
  try {
    await clock.sleep(milliseconds(deadlineMs), signal);
    return "late";
  } catch {
    return "stopped";
  }
}

/** Also after a clean end: what a hook leaves behind in its group ends with it. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What runs as another user is not ours to kill.
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

function environment(context: HookContext): Record<string, string> {
  const { PATH = "/usr/bin:/bin", HOME, LANG } = process.env;
  return {
    PATH,
    ...(HOME === undefined ? {} : { HOME }),
    ...(LANG === undefined ? {} : { LANG }),
    OUTRIDER_HOOK: context.hook,
    OUTRIDER_NODE: context.node,
    OUTRIDER_ROLE: context.role,
    OUTRIDER_ACTION: context.action,
    OUTRIDER_ACTOR: context.actor,
    // A NUL cannot stand in an environment.
    OUTRIDER_REASON: (context.reason ?? "").replaceAll("\u0000", " "),
    OUTRIDER_TRANSITION: context.transition,
  };
}

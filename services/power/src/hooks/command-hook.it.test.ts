import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { systemClock } from "@outrider/contracts/clock";
import { eventually } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCommandHook } from "./command-hook.js";
import { KEPT_OUTPUT_BYTES, type HookContext, type HookOutcome } from "./hook-outcome.js";

const context: HookContext = {
  hook: "drain",
  node: "n1",
  role: "storage",
  action: "PowerCycle",
  actor: "user:anna",
  transition: "t1",
  reason: "a new kernel; $(touch /tmp/no)",
};

describe("a hook that is a command", () => {
  let directory: TempDir;
  const never = new AbortController().signal;

  beforeEach(async () => {
    directory = await tempDir();
  });

  afterEach(() => directory.remove());

  function run(
    command: readonly string[],
    rest: { deadlineMs?: number; signal?: AbortSignal; hookDirectory?: string } = {},
  ): Promise<HookOutcome> {
    return runCommandHook(command, context, {
      deadlineMs: rest.deadlineMs ?? 60_000,
      clock: systemClock,
      signal: rest.signal ?? never,
      hookDirectory: rest.hookDirectory,
    });
  }

  it("gets what it is about in its environment, and nothing of ours", async () => {
    process.env.OUTRIDER_POWER_SECRET_FILE = "/etc/outrider/secret";
    try {
      const file = join(directory.path, "env");
      expect(await run(["/bin/sh", "-c", `env > "$0"`, file])).toEqual({ ok: true });
      const told = await readFile(file, "utf8");
      expect(told).toContain("OUTRIDER_NODE=n1\n");
      expect(told).toContain("OUTRIDER_ROLE=storage\n");
      expect(told).toContain("OUTRIDER_ACTION=PowerCycle\n");
      expect(told).toContain("OUTRIDER_ACTOR=user:anna\n");
      expect(told).toContain("OUTRIDER_TRANSITION=t1\n");
      expect(told).toContain("OUTRIDER_HOOK=drain\n");
      expect(told).toContain("OUTRIDER_REASON=a new kernel; $(touch /tmp/no)\n");
      expect(told).not.toContain("SECRET");
    } finally {
      delete process.env.OUTRIDER_POWER_SECRET_FILE;
    }
  });

  it("is no shell: its arguments arrive as they are (P15)", async () => {
    const outcome = await run(["/bin/echo", "$(id)", "; false", "* | cat"]);
    expect(outcome).toEqual({ ok: true });
    expect(await run(["/bin/sh -c true"])).toMatchObject({
      ok: false,
      detail: expect.stringContaining("could not be run"),
    });
  });

  it.each([
    ["its path leads through a file", ["/etc/passwd/x"]],
    ["its arguments are too long", ["/bin/echo", "x".repeat(3_000_000)]],
    ["an argument holds a NUL", ["/bin/echo", "a\u0000b"]],
    ["there is no such program", ["/nowhere/at-all"]],
    ["it may not be executed", ["/etc/passwd"]],
  ])("fails with a sentence where %s", async (_, command) => {
    const outcome = await run(command);
    if (outcome.ok) throw new Error("it should have failed");
    expect(outcome.detail).toContain(`${command[0]} could not be run: `);
    expect(outcome.detail.length).toBeLessThan(KEPT_OUTPUT_BYTES);
  });

  it("fails with a sentence where no file descriptor is left for its pipes", async () => {
    const script = `
      import { openSync } from "node:fs";
      import { systemClock } from "@outrider/contracts/clock";
      import { runCommandHook } from ${JSON.stringify(import.meta.resolve("./command-hook.js"))};
      try { for (;;) openSync("/dev/null"); } catch {}
      const outcome = await runCommandHook(["/bin/true"], ${JSON.stringify(context)}, {
        deadlineMs: 60_000, clock: systemClock, signal: new AbortController().signal,
      });
      console.log(JSON.stringify(outcome));`;
    const { stdout } = await promisify(execFile)(
      "/bin/sh",
      ["-c", `ulimit -n 64 && exec "$0" --input-type=module -e "$1"`, process.execPath, script],
      { cwd: import.meta.dirname },
    );
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      detail: expect.stringContaining("/bin/true could not be run"),
    });
  });

  it("lies in the folder of hooks where the site has one, by whatever links it is named", async () => {
    const hookDirectory = join(directory.path, "hooks");
    const script = join(hookDirectory, "drain");
    await mkdir(hookDirectory);
    await writeFile(script, '#!/bin/sh\n[ "$1" = fine ]\n', { mode: 0o755 });
    await symlink("/bin/true", join(hookDirectory, "out"));
    await symlink(hookDirectory, join(directory.path, "linked"));
    await mkdir(`${hookDirectory}-more`);
    await writeFile(join(`${hookDirectory}-more`, "beside"), "#!/bin/sh\n", { mode: 0o755 });
    const linked = join(directory.path, "linked");
    for (const folder of [hookDirectory, linked, `${hookDirectory}/`]) {
      const rest = { hookDirectory: folder };
      expect(await run([script, "fine"], rest)).toEqual({ ok: true });
      expect(await run([join(linked, "drain"), "fine"], rest)).toEqual({ ok: true });
      expect(await run([script, "bad"], rest)).toMatchObject({
        detail: expect.stringContaining("exit code 1"),
      });
      for (const command of [
        ["/bin/true"],
        ["true"],
        ["drain", "fine"],
        [join(hookDirectory, "out")],
        [join(hookDirectory, "../hooks-more/beside")],
        [hookDirectory],
      ]) {
        expect({ command, ...(await run(command, rest)) }).toEqual({
          command,
          ok: false,
          detail: expect.stringContaining(`allows programs in ${folder} only`),
        });
      }
      expect(await run([join(hookDirectory, "absent")], rest)).toMatchObject({
        detail: expect.stringContaining("could not be run"),
      });
    }
    expect(await run([script, "fine"], { hookDirectory: "/nowhere" })).toMatchObject({ ok: false });
  });

  it("says how it failed and what it said last, in bounded room and without control characters", async () => {
    const script = `i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done; printf 'osd.7 \\033[31mis busy\\n' >&2; exit 3`;
    const outcome = await run(["/bin/sh", "-c", script]);
    if (outcome.ok) throw new Error("it should have failed");
    expect(outcome.detail).toMatch(/^\/bin\/sh ended with exit code 3: .*osd\.7 +\[31mis busy$/);
    expect(outcome.detail.length).toBeLessThan(KEPT_OUTPUT_BYTES + 100);
    expect(outcome.detail).not.toContain("line 0 ");
  });

  it("is killed at its deadline with everything that it started", async () => {
    const file = join(directory.path, "pid");
    const script = `sleep 1000 & echo $! > "$0"; wait`;
    const outcome = await run(["/bin/sh", "-c", script, file], { deadlineMs: 1000 });
    expect(outcome).toMatchObject({ ok: false, detail: expect.stringContaining("within 1 s") });
    const child = Number(await readFile(file, "utf8"));
    await eventually("the child of the hook is gone", async () => !(await lives(child)));
  });

  it("leaves nothing behind in its group when it ends by itself either", async () => {
    const file = join(directory.path, "pid");
    expect(await run(["/bin/sh", "-c", `sleep 1000 & echo $! > "$0"`, file])).toEqual({ ok: true });
    const child = Number(await readFile(file, "utf8"));
    await eventually("what it left behind is gone", async () => !(await lives(child)));
  });

  it("is killed when nobody wants it any more", async () => {
    const abort = new AbortController();
    const outcome = run(["/bin/sleep", "1000"], { signal: abort.signal });
    abort.abort();
    expect(await outcome).toMatchObject({ ok: false });
  });
});

/** Whether a process runs; one that only waits to be reaped does not. */
async function lives(pid: number): Promise<boolean> {
  try {
    return !/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

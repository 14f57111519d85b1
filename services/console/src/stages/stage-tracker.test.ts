import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RECORDED_BOOTS } from "../testing/boot-texts.js";
import { ConsoleWatch } from "./console-watch.js";
import type { StageFinding } from "./stage-tracker.js";

const START = 1_700_000_000_000_000;

/** Feeds text in pieces, a tenth of a second apart, then waits. */
function findings(
  pieces: readonly (string | Uint8Array)[],
  options: { everyMicros?: number; supplyOnBefore?: number } = {},
): StageFinding[] {
  const found: StageFinding[] = [];
  const watch = new ConsoleWatch({
    memory: { stage: "unknown" },
    line: 1,
    onFinding: (finding) => found.push(finding),
  });
  let position = 0;
  for (const [index, piece] of pieces.entries()) {
    const atMicros = START + index * (options.everyMicros ?? 0);
    if (options.supplyOnBefore === index) watch.supplyOn(atMicros);
    const bytes = Buffer.from(piece as string);
    watch.feed([{ kind: "bytes", position, atMicros, bytes }]);
    position += bytes.length;
  }
  watch.quiet();
  return found;
}

const stages = (found: readonly StageFinding[]): string[] =>
  found.flatMap((finding) => (finding.kind === "stage" ? [finding.stage] : []));
const boots = (found: readonly StageFinding[]): number =>
  found.filter((finding) => finding.kind === "boot").length;
const signs = (found: readonly StageFinding[]): string[] =>
  found.flatMap((finding) => (finding.kind === "sign" ? [finding.sign] : []));

const MINUTE = 60_000_000;
const PI = RECORDED_BOOTS[1]?.text ?? "";
const PANIC =
  "[   99.123456] Unable to handle kernel NULL pointer dereference at virtual address 0000\r\n[   99.123460] Internal error: Oops: 0000000096000004 [#1] SMP\r\n[   99.200000] Kernel panic - not syncing: sysrq triggered crash\r\n[   99.300000] ---[ end Kernel panic - not syncing: sysrq triggered crash ]---\r\n";

describe.each(RECORDED_BOOTS)("the start of $name", ({ text, stages: expected, facts }) => {
  it("is one chapter with its stages and facts", () => {
    const found = findings([text]);
    expect(boots(found)).toBe(1);
    expect(found[0]?.kind).toBe("boot");
    expect(stages(found)).toEqual(expected);
    for (const [fact, value] of Object.entries(facts ?? {})) {
      expect(found).toContainEqual(expect.objectContaining({ kind: "fact", fact, value }));
    }
  });

  it("is the same however it is cut", () => {
    const whole = findings([text]);
    const bytes = Buffer.from(text);
    for (let at = 1; at < bytes.length; at++) {
      const cut = findings([bytes.subarray(0, at), bytes.subarray(at)]);
      expect(cut, `cut at ${at}`).toEqual(whole);
    }
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 200 }), (places) => {
        const sorted = [0, ...places.toSorted((a, b) => a - b), bytes.length];
        const pieces = sorted.slice(1).map((to, index) => bytes.subarray(sorted[index], to));
        expect(findings(pieces)).toEqual(whole);
      }),
      { numRuns: 20 },
    );
  });

  it("is a chapter of its own each time", () => {
    const found = findings([text, "\r\n", text, "\r\n", text], { everyMicros: MINUTE });
    expect(boots(found)).toBe(3);
    expect(stages(found)).toEqual([...expected, ...expected, ...expected]);
  });

  it("is one chapter also when the news of the supply comes first, or last", () => {
    expect(boots(findings(["\0", text], { supplyOnBefore: 1 }))).toBe(1);
    expect(boots(findings([text, "\r\nmore\r\n"], { supplyOnBefore: 1 }))).toBe(1);
  });

  it("is the same without the times before lines", () => {
    const bare = text.replaceAll(/^\[ *\d+\.\d{6}\](?:\[ *T1\])? |^ *\d\.\d\d /gm, "");
    expect(stages(findings([bare]))).toEqual(expected);
  });
});

describe("ends and signs", () => {
  it("sees a panic once, with what led to it, and the next start as a new chapter", () => {
    const found = findings([PI, `\r\n${PANIC}`, PI], { everyMicros: MINUTE });
    expect(signs(found)).toEqual(["login", "oops", "panic", "login"]);
    expect(boots(found)).toBe(2);
    expect(stages(found).slice(4, 7)).toEqual(["login", "panic", "firmware"]);
    const sign = found.find((finding) => finding.kind === "sign" && finding.sign === "panic");
    expect(sign).toMatchObject({
      at: { text: "[   99.200000] Kernel panic - not syncing: sysrq triggered crash" },
    });
  });

  it("sees a machine halt, and a prompt after that as a start that was not seen", () => {
    const found = findings([PI, "\r\n[  100.000000] reboot: Power down\r\n", "\r\nn4 login: "], {
      everyMicros: MINUTE,
    });
    expect(signs(found)).toEqual(["login", "halted", "login"]);
    expect(boots(found)).toBe(2);
  });

  it("begins a chapter where a kernel alone starts again after a restart", () => {
    const kernel = "[    0.000000] Linux version 6.1.0 (x)\r\n";
    expect(boots(findings([`${kernel}[    1.0] reboot: Restarting system\r\n${kernel}`]))).toBe(2);
    // Without a word of the restart: the same line much later is no console that came late.
    expect(boots(findings([kernel, kernel], { everyMicros: MINUTE }))).toBe(2);
    expect(boots(findings([kernel, kernel], { everyMicros: 1000 }))).toBe(1);
  });

  it("begins a chapter with whatever comes after the supply was switched on", () => {
    const found = findings([PI, "\r\nsomething of its own\r\n"], {
      everyMicros: MINUTE,
      supplyOnBefore: 1,
    });
    expect(boots(found)).toBe(2);
  });

  it("does not take bytes that were told late for what came after the supply", () => {
    const found: StageFinding[] = [];
    const watch = new ConsoleWatch({
      memory: { stage: "login", inBoot: true },
      line: 1,
      onFinding: (finding) => found.push(finding),
    });
    let position = 0;
    const feed = (text: string, atMicros: number): void => {
      watch.feed([{ kind: "bytes", position, atMicros, bytes: Buffer.from(text) }]);
      position += text.length;
    };
    watch.supplyOn(START + 10 * MINUTE);
    feed("an old line\r\n", START);
    expect(boots(found)).toBe(0);
    feed(PI, START + MINUTE);
    expect(boots(found)).toBe(1);
    feed("\r\nsomething of its own\r\n", START + 10 * MINUTE + 5);
    expect(boots(found)).toBe(2);
  });

  it.each([
    ["hwmon hwmon1: Undervoltage detected!", "under-voltage"],
    ["Under-voltage detected! (0x00050005)", "under-voltage"],
    ["Out of memory: Killed process 812 (java) total-vm:8123456kB", "oom-kill"],
    ["Memory cgroup out of memory: Killed process 99 (stress)", "oom-kill"],
    ["watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:2:93]", "oops"],
  ])("takes %j for %s", (line, sign) => {
    expect(signs(findings([`[   12.345678] ${line}\r\n`]))).toEqual([sign]);
  });

  it.each([
    "Last login: Mon Nov 23 08:33:01 UTC 2026 on ttyAMA0",
    "n1 login: ada lovelace and more",
    "please login: to go on with this text",
    "Nov 23 08:00:00 n1 kernel: Kernel panic - not syncing: an old one, in a journal",
    "# grep -r 'Kernel panic - not syncing' /var/log",
    "prefix reboot: Power down",
  ])("takes %j for nothing", (line) => {
    expect(findings([`${line}\r\n`]).filter((finding) => finding.kind !== "boot")).toEqual([]);
  });

  it.each([
    ["[    6.203110] Kernel panic - not syncing: sysrq triggered crash", "panic"],
    ["[    6.203110][    T1] Kernel panic - not syncing: Attempted to kill init!", "panic"],
    ["[    6.203110] Unable to handle kernel NULL pointer dereference", "oops"],
    ["[    6.203110] Out of memory: Killed process 812 (java)", "oom-kill"],
    ["[    6.203110] reboot: Power down", "halted"],
  ])("takes %j behind an idle prompt for %s", (message, sign) => {
    for (const prompt of ["n2 login: ", "root@n2:~# ", "root@n2:~# make -j"]) {
      const found = findings([prompt, `${message}\r\n`], { everyMicros: MINUTE });
      expect(signs(found).filter((one) => one !== "login")).toEqual([sign]);
    }
  });

  it("takes a panic whose first line is mixed with another's by its last line, once", () => {
    const end = "[    6.3] ---[ end Kernel panic - not syncing: sysrq triggered crash ]---\r\n";
    const mixed = `Starting cron[    6.2] Kernel panic - not syncing: sysrq triggered crash\r\n${end}`;
    expect(signs(findings([mixed]))).toEqual(["panic"]);
  });

  it.each([
    "Nov 23 08:00:00 n1 kernel: [    6.203110] Kernel panic - not syncing: an old one",
    "/var/log/kern.log:Nov 23 08:00:00 n1 kernel: [    6.2] reboot: Power down",
    "2026-11-23T08:00:00 n1 kernel: [    6.2] ---[ end Kernel panic - not syncing: old ]---",
  ])("takes %j, read from a log at a shell, for nothing", (line) => {
    const found = findings(["root@n1:~# ", "cat kern.log", `\r\n${line}\r\n`, "root@n1:~# "], {
      everyMicros: MINUTE,
    });
    expect(signs(found)).toEqual([]);
  });

  it("takes a prompt on an unfinished line only once it was quiet", () => {
    const found: StageFinding[] = [];
    const watch = new ConsoleWatch({
      memory: { stage: "init", bootMicros: START },
      line: 7,
      onFinding: (finding) => found.push(finding),
    });
    const bytes = Buffer.from("\r\nn1 login: ");
    watch.feed([{ kind: "bytes", position: 10, atMicros: START, bytes }]);
    expect(found).toEqual([]);
    watch.quiet();
    expect(found).toMatchObject([
      { kind: "stage", stage: "login", at: { position: 12, line: 8 } },
      { kind: "sign", sign: "login" },
    ]);
    watch.quiet();
    watch.feed([{ kind: "bytes", position: 21, atMicros: START, bytes: Buffer.from("ada\r\n") }]);
    expect(found.length).toBe(2);
  });
});

import { mkdtempSync, rmSync } from "node:fs";
import { Duplex } from "node:stream";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EdgeLog } from "./edge-log.js";
import { Rack } from "./rack.js";
import { VirtualClock } from "./sim-clock.js";
import { DEFAULT_SIMULATED_SLOT, type SimulatedSlotSpec } from "./simulated-slot.js";
import { allBytes, flood } from "./simulated-shell.js";

let dir: string;
let clock: VirtualClock;
let edges: EdgeLog;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "console-"));
  clock = new VirtualClock();
  edges = new EdgeLog(dir, clock);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Reads all, or nothing. */
class Terminal extends Duplex {
  heard: Buffer[] = [];
  constructor(private readonly frozen = false) {
    super();
  }
  get text(): string {
    return Buffer.concat(this.heard).toString("latin1");
  }
  override _read(): void {}
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.heard.push(chunk);
    if (!this.frozen) done();
  }
  async type(text: string): Promise<void> {
    this.push(text);
    await new Promise(setImmediate);
  }
}

/** One slot that boots in 1,000 ms and shuts down in 500 ms, with a terminal at its console. */
function machine(spec: Partial<SimulatedSlotSpec> = {}, terminal = new Terminal()) {
  const all = { ...DEFAULT_SIMULATED_SLOT, bootMs: 1000, shutdownMs: 500, ...spec };
  const rack = new Rack([all], edges, clock);
  const line = rack.console(1);
  expect(line.take(terminal)).toBe(true);
  return { rack, line, terminal };
}

async function loggedIn(spec: Partial<SimulatedSlotSpec> = {}) {
  const it = machine(spec);
  await it.rack.setSupply(1, true);
  clock.advance(1000);
  await it.terminal.type("ada\r");
  it.terminal.heard = [];
  return it;
}

const names = (): string[] => edges.after(0).map(({ edge, cause }) => `${edge}/${cause}`);

describe("a simulated machine's console", () => {
  test("keeps the end of what was said before anybody first listened, where it is to", async () => {
    const all = { ...DEFAULT_SIMULATED_SLOT, bootMs: 1000 };
    const rack = new Rack([all, all], edges, clock, undefined, 4096);
    await rack.setSupply(1, true);
    clock.advance(1000);
    const line = rack.console(1);
    const { sent, unheard } = line.counts;
    const first = new Terminal();
    line.take(first);
    expect(first.text).toHaveLength(Math.min(4096, sent));
    expect(first.text.trimEnd().endsWith("login:")).toBe(true);
    expect(unheard).toBe(Math.max(0, sent - 4096));
    // Only of that: what comes while nobody listens is gone, as on a wire.
    first.destroy();
    await new Promise(setImmediate);
    line.output(Buffer.from("to nobody"));
    const second = new Terminal();
    line.take(second);
    expect(second.text).toBe("");
    rack.drop();
  });

  test("tells a boot in order, from the firmware to the login, and again after a reset", async () => {
    const { rack, terminal } = machine();
    await rack.setSupply(1, true);
    expect(terminal.text).toMatch(/RPi: BOOTLOADER release VERSION:\w+ DATE: /);
    expect(terminal.text).not.toContain("U-Boot");
    clock.advance(1000);
    const signs = ["Boot mode: SD", "U-Boot 2023", "Booting Linux", "Run /sbin/init", "systemd[1]"];
    const places = [...signs, "n1 login: "].map((sign) => terminal.text.indexOf(sign));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places[0]).toBeGreaterThan(0);
    terminal.heard = [];
    await rack.reset(1);
    clock.advance(1000);
    expect(terminal.text).toMatch(/RPi: BOOTLOADER[^]*n1 login: $/);
  });

  test("lets anybody in, echoes, and has a shell", async () => {
    const { terminal } = await loggedIn();
    await terminal.type("whoanyx\x7f\x7f\x7f\x7fami\r\n");
    expect(terminal.text).toBe("whoanyx\b \b\b \b\b \b\b \bami\r\nada\r\nada@n1:~$ ");
    terminal.heard = [];
    await terminal.type("uptime\r");
    expect(terminal.text).toContain(" up 0 seconds");
    await terminal.type("no-such\rexit\r");
    expect(terminal.text).toMatch(/-sh: no-such: not found[^]*logout[^]*n1 login: $/);
  });

  test("says all 256 values untouched, and gives back what it is told to", async () => {
    const { terminal } = await loggedIn();
    await terminal.type("bytes 100000\r");
    clock.advance(1000);
    const said = Buffer.concat(terminal.heard).subarray("bytes 100000\r\n".length);
    expect(said.subarray(0, 100_000).equals(Buffer.concat([...allBytes(100_000)]))).toBe(true);
    terminal.heard = [];
    await terminal.type("loop 256\r");
    terminal.heard = [];
    const all = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    terminal.push(all.subarray(0, 100));
    terminal.push(all.subarray(100));
    await new Promise(setImmediate);
    expect(Buffer.concat(terminal.heard).subarray(0, 256).equals(all)).toBe(true);
  });

  test.each([
    ["h", "HELP", []],
    ["s", "Emergency Sync complete", []],
    ["u", "Emergency Remount complete", []],
    ["t", "task:systemd", []],
    ["o", "Power Off", ["halted/guest"]],
    ["b", "Resetting", ["guest-reset/guest"]],
    ["c", "Kernel panic - not syncing: sysrq triggered crash", ["panicked/guest"]],
  ])("takes %s after a break for SysRq", async (key, words, edgesMade) => {
    const { rack, terminal } = await loggedIn();
    void rack.sendBreak(1, 250);
    await Promise.resolve();
    await terminal.type(key);
    expect(terminal.text).toContain(words);
    expect(names()).toEqual(["supply-on/api", ...edgesMade]);
  });

  test("takes a key for typed when the break was too long ago, or comes second", async () => {
    const { rack, terminal } = await loggedIn();
    void rack.sendBreak(1, 250);
    await Promise.resolve();
    clock.advance(5000);
    await terminal.type("c");
    expect(terminal.text).toBe("c");
    void rack.sendBreak(1, 250);
    await Promise.resolve();
    await terminal.type("sc");
    expect(terminal.text).toMatch(/^c[^]*Sync complete\r\nc$/);
    expect(names()).toEqual(["supply-on/api"]);
  });

  test("a machine that has panicked still takes a reset by SysRq", async () => {
    const { rack, terminal } = await loggedIn();
    await rack.nmi(1);
    expect(terminal.text).toContain("Kernel panic - not syncing: NMI");
    void rack.sendBreak(1, 250);
    await Promise.resolve();
    await terminal.type("b");
    expect(names()).toEqual(["supply-on/api", "nmi/api", "panicked/guest", "guest-reset/guest"]);
  });

  test("says how it ends: by its button, by its shell, and nothing when the supply goes", async () => {
    const { rack, terminal } = await loggedIn();
    await rack.button(1, 0);
    expect(terminal.text).toContain("Power key pressed");
    clock.advance(500);
    expect(terminal.text).toMatch(/reboot: Power down\r\n$/);
    await rack.button(1, 0);
    clock.advance(1000);
    await terminal.type("root\rpoweroff\r");
    clock.advance(500);
    expect(terminal.text).toMatch(/will power off now![^]*reboot: Power down\r\n$/);
    await rack.setSupply(1, false);
    terminal.heard = [];
    await terminal.type("x");
    expect(terminal.text).toBe("");
    expect(names()).toEqual([
      "supply-on/api",
      "press/api",
      "halted/guest",
      "press/api",
      "halted/guest",
      "supply-off/api",
    ]);
  });

  test("keeps to its speed where it has one", async () => {
    const { terminal } = await loggedIn({ consoleBytesPerSecond: 11_520, bootMs: 2000 });
    clock.advance(3000);
    await terminal.type("x\r");
    clock.advance(1000);
    terminal.heard = [];
    await terminal.type("flood 1000\r");
    clock.advance(1000);
    expect(terminal.text.length).toBeGreaterThan(11_000);
    expect(terminal.text.length).toBeLessThan(11_700);
    clock.advance(10_000);
    const want = [...flood(1000)].join("");
    expect(terminal.text).toContain(want);
    expect(terminal.text).toMatch(/\$ $/);
  });

  test("counts what a frozen client loses, and is not slowed by it", async () => {
    const { line, rack } = machine({}, new Terminal(true));
    await rack.setSupply(1, true);
    clock.advance(1000);
    const before = line.counts;
    expect(before.dropped).toBe(0);
    const block = Buffer.alloc(1_048_576);
    for (let n = 0; n < 10; n++) line.output(block);
    // The client's own buffer takes what fits below 4 MiB, and the block that goes over it.
    expect(line.counts).toEqual({
      ...before,
      sent: before.sent + 10 * block.length,
      dropped: 6 * block.length,
    });
  });

  test("counts what nobody hears, and what was typed", async () => {
    const { line, rack, terminal } = await loggedIn();
    expect(line.counts).toMatchObject({ unheard: 0, received: "ada\r".length, connected: true });
    terminal.destroy();
    await new Promise(setImmediate);
    const { sent } = line.counts;
    await rack.nmi(1);
    const after = line.counts;
    expect(after.unheard).toBe(after.sent - sent);
    expect(after).toMatchObject({ connected: false, dropped: 0 });
  });
});

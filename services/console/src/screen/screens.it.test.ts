import { join } from "node:path";
import { systemClock } from "@outrider/contracts/clock";
import { nodeId } from "@outrider/contracts/ids";
import { tempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ConsoleLog } from "../log/console-log.js";
import { openConsoleLogs } from "../log/console-logs.js";
import { DisplaySafe } from "../sessions/display-safe.js";
import { Screens } from "./screens.js";

const ESC = "\u001b";
const n1 = nodeId("n1");
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

describe("the screen of a console", () => {
  let stack: AsyncDisposableStack;
  let log: ConsoleLog;
  let screens: Screens;
  let offset: number;
  let safe: DisplaySafe;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    const data = await tempDir();
    stack.defer(() => data.remove());
    const logs = stack.use(
      await openConsoleLogs({ directory: join(data.path, "console"), clock: systemClock }),
    );
    log = await logs.open(n1, { maxBytes: 1e9, maxAgeMs: 1e9 });
    screens = new Screens(quiet, systemClock);
    stack.defer(() => screens.close());
    screens.open(n1, true);
    offset = 0;
    safe = new DisplaySafe();
  });
  afterEach(() => stack.disposeAsync());

  /** As the console does it. */
  function say(text: string | Buffer): void {
    const bytes = Buffer.from(text as string);
    log.take("s", [{ kind: "bytes", offset, atMicros: 1, bytes }]);
    offset += bytes.length;
    screens.feed(n1, safe.push(bytes).viewers);
  }

  it("is what a terminal shows now, with colours and cursor", async () => {
    say(`$ vi\r\n${ESC}[2J${ESC}[5;10H${ESC}[1;31mred${ESC}[0m${ESC}[7;3Hhere`);
    const { screen, position } = await screens.of(log);
    expect(position).toBe(offset);
    expect(screen).toMatchObject({
      columns: 80,
      rows: 24,
      cursor: { row: 6, column: 6 },
      approximate: false,
    });
    expect(screen.text.split("\n")[4]).toBe(`${" ".repeat(9)}red`);
    expect(screen.ansi).toContain(`${ESC}[0;1;38;5;1mred`);
    // Drawn on another terminal it is the same.
    const second = new Screens(quiet, systemClock);
    stack.defer(() => second.close());
    second.open(n1, true);
    second.feed(n1, Buffer.from(screen.ansi));
    const copy = (await second.of(log)).screen;
    expect(copy.text).toBe(screen.text);
    expect(copy.cursor).toEqual(screen.cursor);
    expect(copy.ansi).toBe(screen.ansi);
  });

  it("survives a flood, after which it is made anew from the end of the log and says so", async () => {
    const line = `${"x".repeat(78)}\r\n`.repeat(1000);
    for (let n = 0; n < 100; n += 1) say(line);
    expect(screens.wants(n1)).toBe(false);
    say("the last line");
    const { screen, position } = await screens.of(log);
    expect(position).toBe(offset);
    expect(screen.approximate).toBe(true);
    expect(screen.text.split("\n").at(-1)).toBe("the last line");
    say(`${ESC}[2J${ESC}[Hcleared`);
    const cleared = (await screens.of(log)).screen;
    expect(cleared).toMatchObject({ approximate: false });
    expect(cleared.text.trim()).toBe("cleared");
  });

  it("is not hurt by 20 MB of an unterminated string (P13)", async () => {
    say(`before${ESC}]0;`);
    const piece = Buffer.alloc(1 << 20, "A");
    for (let n = 0; n < 20; n += 1) {
      await log.hasRoom();
      say(piece);
    }
    await log.hasRoom();
    say(`${ESC}\\${ESC}[2J${ESC}[Hafter`);
    const { screen } = await screens.of(log);
    expect(screen.text.trim()).toBe("after");
  });

  it("is made from the log where the service has started anew", async () => {
    say("kept over a restart");
    const later = new Screens(quiet, systemClock);
    stack.defer(() => later.close());
    later.open(n1, false);
    const { screen } = await later.of(log);
    expect(screen.text.trim()).toBe("kept over a restart");
    expect(later.wants(n1)).toBe(true);
  });
});

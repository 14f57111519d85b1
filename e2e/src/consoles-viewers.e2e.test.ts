import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync, closeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { KNOWN_LINE_BYTES, knownBytes } from "@outrider/simulators/paced-sender";
import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allUp, judged } from "./consoles/judged.js";
import { Lines, nodeOf } from "./consoles/lines.js";
import { RawClient } from "./consoles/raw-client.js";
import { WebClient } from "./consoles/web-client.js";
import { Deployment } from "./deployment.js";
import type { Rest } from "./fleet/rest.js";
import { watched } from "./watched.js";

/** Many who look on, some who take nothing, and who types beside a flood. */

const COUNT = 48;
/** The one that floods, the one that many look on at, and the one where somebody is frozen. */
const [FLOOD, SEEN, FROZEN] = [0, 1, 2] as const;
const LINES_PER_SECOND = 100_000;
const PIECE_BYTES = 65_536;
const SPY = "mode=spy&replay=none";
const LIMIT_MS = 90_000;

let lines: Lines;
let lab: Deployment;
let rest: Rest;
let ports: number[];

describe.skipIf(!hasMosquittoClients())("48 consoles", () => {
  beforeAll(async () => {
    lines = await Lines.start(COUNT, (line) =>
      line === FLOOD
        ? {
            lines: true,
            bytesPerSecond: LINES_PER_SECOND * KNOWN_LINE_BYTES,
            // A far end with flow control: what a busy machine does not read at once is said later.
            roomBytes: 16 * 1_048_576,
          }
        : { echo: true },
    );
    ports = [];
    while (ports.length < COUNT) ports.push(await freePort());
    lab = await Deployment.start({
      nodes: lines.nodes((line) => ({ raw: ports[line] })),
      gateway: true,
    });
    await allUp(lab, lines);
    rest = await lab.rest();
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await lines?.[Symbol.asyncDispose]();
  });
  watched(() => lab);
  beforeRetry(() => lines.sender.stop());

  test("echo every key at 47 while one says 100,000 lines a second, and lose nothing (P8)", async () => {
    using stack = new DisposableStack();
    const people = await Promise.all(
      ports.filter((_, line) => line !== FLOOD).map((port) => RawClient.open(port)),
    );
    for (const one of people) stack.use(one);
    using looksOn = await WebClient.open(rest, nodeOf(FLOOD), SPY);
    const flooded = async (): Promise<number> => (await lines.sender.report())[FLOOD]?.offset ?? 0;
    const from = await flooded();
    await lines.sender.start();
    const keys = "the quick brown fox jumps over it";
    await Promise.all(
      people.map(async (one) => {
        for (let key = 0; key < keys.length; key++) {
          one.socket.write(keys.charAt(key));
          await seenByAll([one], key + 1);
        }
      }),
    );
    await eventually(
      "three seconds of it",
      async () => (await flooded()) - from > 3 * LINES_PER_SECOND * KNOWN_LINE_BYTES,
      { withinMs: LIMIT_MS },
    );
    await lines.sender.stop();
    for (const one of people) expect(one.bytes.toString()).toBe(keys);
    expect(looksOn.length).toBeGreaterThan(0);
    await judged(rest, lines, ({ gaps }) => gaps.length === 0);
  });

  test("of which one has 32 viewers show each of them the same, to the byte", async () => {
    using stack = new DisposableStack();
    const node = nodeOf(SEEN);
    const exact: (RawClient | WebClient)[] = [];
    const shown: WebClient[] = [];
    for (let viewer = 0; viewer < 12; viewer++) {
      exact.push(stack.use(await RawClient.open(ports[SEEN] ?? 0)));
      exact.push(stack.use(await WebClient.open(rest, node, `${SPY}&raw=true`)));
    }
    while (shown.length < 8) shown.push(stack.use(await WebClient.open(rest, node, SPY)));
    await attached(node, 32);

    let said = 0;
    for (; said < 16 * PIECE_BYTES; said += PIECE_BYTES) {
      await lines.sender.say(SEEN, knownBytes(SEEN, said, PIECE_BYTES));
      await seenByAll(exact, said + PIECE_BYTES);
    }
    // Whatever control sequence was begun ends here.
    await lines.sender.say(SEEN, Buffer.from("\u0018\r\nthe end\r\n"));
    await Promise.all(shown.map((viewer) => viewer.sees("the end\r\n")));
    const all = Buffer.concat([knownBytes(SEEN, 0, said), Buffer.from("\u0018\r\nthe end\r\n")]);
    await seenByAll(exact, all.length);
    for (const viewer of exact) expect(viewer.bytes.equals(all)).toBe(true);
    const [first] = shown;
    for (const viewer of shown) {
      expect(viewer.told.map(({ told }) => told)).not.toContain("skipped");
      expect(viewer.bytes.equals(first?.bytes ?? all)).toBe(true);
    }
  });

  test("slow nobody down for one who is frozen, who is told what was left out for them", async () => {
    const node = nodeOf(FROZEN);
    using writer = await WebClient.open(rest, node, "replay=none&raw=true");
    using awake = await RawClient.open(ports[FROZEN] ?? 0);
    using other = await RawClient.open(ports[FROZEN + 1] ?? 0);
    using frozen = await WebClient.open(rest, node, `${SPY}&raw=true`);
    await using stopped = cli(node);
    await attached(node, 4);
    frozen.socket.pause();
    stopped.signal("SIGSTOP");

    let said = 0;
    let typed = 0;
    for (let left = 0; left < 2;) {
      for (let piece = 0; piece < 4; piece++) {
        await lines.sender.say(FROZEN, knownBytes(FROZEN, said, 2 * PIECE_BYTES));
        said += 2 * PIECE_BYTES;
        await seenByAll([awake, writer], said);
        other.socket.write("k");
        await seenByAll([other], ++typed);
      }
      const sessions = await sessionsAt(node);
      expect(sessions).toHaveLength(4);
      left = sessions.filter(({ skippedBytes = 0 }) => skippedBytes > 0).length;
    }
    expect(awake.bytes.equals(knownBytes(FROZEN, 0, said))).toBe(true);
    expect(writer.bytes.equals(awake.bytes)).toBe(true);
    expect(writer.told.map(({ told }) => told)).not.toContain("skipped");

    frozen.socket.resume();
    stopped.signal("SIGCONT");
    const told = await frozen.hears("skipped");
    await eventually("the other one is told, too", () => stopped.leftOut() !== undefined, {
      withinMs: LIMIT_MS,
    });
    // Both go on with the present.
    await lines.sender.say(FROZEN, Buffer.from("the end"));
    await frozen.sees("the end");
    await eventually("so does the other one", () => stopped.bytes().includes("the end"), {
      withinMs: LIMIT_MS,
    });
    const total = said + "the end".length;
    expect(frozen.length + Number(told["bytes"])).toBe(total);
    expect(stopped.bytes().length + Number(stopped.leftOut())).toBe(total);
  });
});

interface Session {
  readonly node: string;
  readonly skippedBytes?: number;
}

async function sessionsAt(node: string): Promise<Session[]> {
  const { sessions } = await rest.get<{ sessions: Session[] }>(`/consoles/sessions?nodes=${node}`);
  return sessions;
}

async function attached(node: string, count: number): Promise<void> {
  await eventually(
    `${count} are at ${node}`,
    async () => (await sessionsAt(node)).length === count,
    {
      withinMs: LIMIT_MS,
    },
  );
}

/** Waits until each has seen so many bytes. */
async function seenByAll(viewers: readonly { length: number }[], bytes: number): Promise<void> {
  await eventually(
    `all have seen ${bytes} bytes`,
    () => {
      if (viewers.every(({ length }) => length >= bytes)) return true;
      throw new Error(viewers.map(({ length }) => length).join(" "));
    },
    { withinMs: LIMIT_MS, everyMs: 2 },
  );
}

/** `outrider console NODE --spy`, what it shows in a file. */
function cli(node: string) {
  const file = join(lab.data, "..", "stopped.bin");
  const output = openSync(file, "w");
  const program = fileURLToPath(import.meta.resolve("@outrider/cli/main"));
  const child = spawn(process.execPath, [program, "console", node, "--spy"], {
    env: { ...process.env, OUTRIDER_URL: rest.url, OUTRIDER_TOKEN: rest.token },
    stdio: ["ignore", output, "pipe"],
  });
  closeSync(output);
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  const exited = once(child, "exit");
  return {
    signal: (signal: NodeJS.Signals) => child.kill(signal),
    bytes: () => readFileSync(file),
    /** How many bytes it says were left out. */
    leftOut: () => /(\d+) bytes were left out/.exec(said)?.[1],
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

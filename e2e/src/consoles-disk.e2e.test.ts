import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { consoleState, type ConsoleState } from "@outrider/contracts/console";
import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { requireMount } from "@outrider/testing/peers";
import { requirePeer } from "@outrider/testing/peers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allUp, judged } from "./consoles/judged.js";
import type { LoggedGap } from "./consoles/log-judge.js";
import { Lines, nodeOf } from "./consoles/lines.js";
import { Program } from "./consoles/people.js";
import { WebClient } from "./consoles/web-client.js";
import { Deployment } from "./deployment.js";
import type { Rest } from "./fleet/rest.js";
import { watched } from "./watched.js";

/** The one disk that services and agent have, full to the last byte while consoles talk. */

const LIMIT_MS = 90_000;
/** One that talks, and one that is typed at. */
const TALKS = nodeOf(0);
const TYPED_AT = nodeOf(1);

const hasClients =
  requirePeer("ssh", "apt-get install openssh-client") &&
  requirePeer("telnet", "apt-get install telnet");

let lines: Lines;
/** Where telnet reaches the console that is typed at. */
let port = 0;
let lab: Deployment;
let rest: Rest;
/** How many the log of the console that talks has from the first test. */
let gapsOfLog = 0;

describe.skipIf(!hasMosquittoClients() || !requireMount())("a disk that is full", () => {
  beforeAll(async () => {
    lines = await Lines.start(2, (line) =>
      line === 0 ? { bytesPerSecond: 2_000_000 } : { echo: true },
    );
    port = await freePort();
    lab = await Deployment.start({
      rack: ["normal"],
      nodes: {
        n1: { rack: 1, wake: "button", console: true },
        ...lines.nodes((line) => (line === 1 ? { telnet: port } : {})),
      },
      gateway: true,
      disk: "192m",
    });
    await allUp(lab, lines);
    rest = await lab.rest();
    await lab.node("n1").command("On");
    await lab.node("n1").settles("On", "Running");
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await lines?.[Symbol.asyncDispose]();
  });
  watched(() => lab);
  beforeRetry(() => lines.sender.stop());

  test("stops logs and neither typing nor power; the logs go on with what is missing counted to the byte (P12)", async () => {
    using ada = await WebClient.open(rest, TYPED_AT);
    using bob = await WebClient.open(rest, TALKS, "mode=spy&replay=none&raw=true");
    await lines.sender.start();
    await says(200_000);
    lab.disk.fill();
    await talking(({ logProblem }) => logProblem !== undefined);
    // More than the agent, whose disk this is too, could say again.
    await talking(({ lostBytes = 0 }) => lostBytes > 8_000_000);

    const seen = bob.length;
    ada.type("typed while the disk is full");
    await ada.sees("typed while the disk is full");
    await eventually("who looks on sees the present", () => bob.length > seen + 100_000, {
      withinMs: LIMIT_MS,
    });
    await cycled();
    await lines.sender.stop();

    lab.disk.clear();
    await talking(({ logProblem }) => logProblem === undefined);
    await lines.sender.start();
    await says(200_000);
    await lines.sender.stop();
    // The agent is asked for what the log had no room for; its spool is on the same disk, and had no more than memory.
    await judged(rest, lines, ({ gaps }, line) => {
      if (line > 0) return gaps.length === 0;
      gapsOfLog = gaps.length;
      return gaps.length > 0 && gaps.every(isExact);
    });
  });

  test("stops spools and neither power nor consoles; what is missing is counted to the byte (P12)", async () => {
    await lab.console.stop();
    lab.disk.fill();
    await lines.sender.start();
    // More than memory holds.
    await says(9_000_000);
    await cycled();
    await lines.sender.stop();
    lab.disk.clear();
    const mark = lab.bus.mark();
    await lab.console.start();
    await allUp(lab, lines, mark);
    using ada = await WebClient.open(rest, TYPED_AT);
    ada.type("typed after the disk was full");
    await ada.sees("typed after the disk was full");
    await judged(rest, lines, ({ gaps }, line) => {
      if (line > 0) return gaps.length === 0;
      const more = gaps.slice(gapsOfLog);
      return (
        gaps.every(isExact) &&
        more.some(({ reason, lost }) => reason === "spool-failed" && (lost ?? 0) > 1_000_000)
      );
    });
  });

  test.skipIf(!hasClients)(
    "lets in by SSH and telnet who shows who they are, also once nothing can be recorded any more (P12)",
    async () => {
      using reader = useUp(join(lab.data, "console.sqlite"));
      const untold = lab.console.log().length;
      await using ssh = await Program.ssh(lab, TYPED_AT);
      await ssh.sees("^Ec? helps");
      ssh.type("typed by ssh");
      await ssh.sees("typed by ssh");
      await using telnet = await Program.telnet(lab, port);
      await telnet.sees("typed by ssh");
      const told = lab.console
        .log()
        .slice(untold)
        .match(/a sign-in could not be recorded/g);
      expect(told).toHaveLength(2);
      reader.close();
      lab.disk.clear();
    },
  );
});

/**
 * Leaves a store no room, not even what it holds ahead for a disk that is full.
 * @returns somebody who reads it, so that what is written stands behind what was written, until they close it
 */
function useUp(file: string): DatabaseSync {
  const reader = new DatabaseSync(file);
  using store = new DatabaseSync(file);
  store.exec("PRAGMA busy_timeout = 5000; CREATE TABLE IF NOT EXISTS ballast (fill BLOB)");
  reader.exec("BEGIN; SELECT COUNT(*) FROM ballast");
  const insert = store.prepare("INSERT INTO ballast VALUES (zeroblob(?))");
  for (const bytes of [65_536, 4096, 1, 1]) {
    lab.disk.fill();
    try {
      for (let count = 0; count < 100_000; count += 1) insert.run(bytes);
    } catch (error) {
      if (!/full|disk I\/O/.test(String(error))) throw error;
    }
  }
  return reader;
}

/** Whether a gap is the disk's doing and says how much it is. */
function isExact({ reason, lost }: LoggedGap): boolean {
  return ["log-failed", "spool-failed"].includes(reason) && (lost ?? 0) > 0;
}

/** Waits until so much more was said at the console that talks. */
async function says(bytes: number): Promise<void> {
  const offset = async (): Promise<number> => (await lines.sender.report())[0]?.offset ?? 0;
  const from = await offset();
  await eventually("it says more", async () => (await offset()) > from + bytes, {
    withinMs: LIMIT_MS,
  });
}

/** Waits until the newest state of the console that talks is so. */
async function talking(isSo: (state: ConsoleState) => boolean): Promise<void> {
  await eventually(
    "the console that talks is told so",
    () => {
      const state = lab.bus.last(consoleState, { node: TALKS });
      if (state && isSo(state)) return true;
      throw new Error(JSON.stringify(state));
    },
    { withinMs: LIMIT_MS },
  );
}

async function cycled(): Promise<void> {
  const node = lab.node("n1");
  await node.mark();
  expect(await node.command("PowerCycle")).toMatchObject({ status: "Succeeded" });
  expect(await node.edgeNames()).toEqual(["supply-off/api", "supply-on/api"]);
  await node.settles("On", "Running");
}

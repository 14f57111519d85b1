import { setTimeout as pause } from "node:timers/promises";
import { connect, type Socket } from "node:net";
import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, test } from "vitest";
import { allUp, judged } from "./consoles/judged.js";
import { Lines } from "./consoles/lines.js";
import { missingFrom } from "./consoles/log-judge.js";
import { Deployment } from "./deployment.js";
import type { Rest } from "./fleet/rest.js";
import { watched } from "./watched.js";

/** What 48 consoles say, in every byte, whatever happens between them and their logs. */

const COUNT = 48;
/** Say in eleven seconds what 115,200 baud say in ten minutes. */
const BUSY = 2;
/** What an agent has read and not yet written down when it is killed, on a machine that is busy. */
const UNSPOOLED_BYTES = 1_048_576;
const LIMIT_MS = 90_000;

let lines: Lines;
let lab: Deployment;
let rest: Rest;
let rawPort = 0;
/** How often the agent was killed, in all tries, and how much each line had said before the first time. */
let restarts = 0;
let before: readonly number[] | undefined;

describe.skipIf(!hasMosquittoClients())("48 consoles that talk", () => {
  beforeAll(async () => {
    lines = await Lines.start(COUNT, (line) => ({
      bytesPerSecond: line < BUSY ? 630_000 : 15_000,
    }));
    rawPort = await freePort();
    lab = await Deployment.start({
      nodes: lines.nodes((line) => (line === COUNT - 1 ? { raw: rawPort } : {})),
      gateway: true,
      cuttableLink: true,
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

  test("lose nothing while their service is away as long as ten minutes would be (P8)", async () => {
    await lab.console.kill();
    const [from = 0] = await offsets();
    await lines.sender.start();
    await eventually(
      "ten minutes' worth",
      async () => ((await offsets())[0] ?? 0) - from > 600 * 11_520,
      { withinMs: LIMIT_MS },
    );
    await lines.sender.stop();
    const mark = lab.bus.mark();
    await lab.console.start();
    await allUp(lab, lines, mark);
    await judged(rest, lines, ({ gaps }) => gaps.length === 0);
  });

  test("lose nothing while link, service, broker and viewers are cut, stopped and killed (P8)", async () => {
    const viewers = Array.from({ length: 32 }, look);
    await lines.sender.start();
    await pause(500);
    lab.link.reset();
    await pause(500);
    lab.link.hold("both");
    await pause(1000);
    lab.link.heal();
    lab.link.delay(80);
    await pause(1000);
    lab.link.cut();
    await pause(1000);
    lab.link.heal();
    for (const viewer of viewers.slice(0, 8)) viewer.resetAndDestroy();
    for (const viewer of viewers.slice(8, 16)) viewer.pause();
    lab.console.signal("SIGSTOP");
    await pause(2000);
    lab.console.signal("SIGCONT");
    await lab.broker.kill();
    await lab.broker.start();
    await pause(500);
    for (let time = 0; time < 2; time++) {
      await lab.console.restart();
      await pause(1500);
    }
    await lines.sender.stop();
    await judged(rest, lines, ({ gaps }) => gaps.length === 0);
    for (const viewer of viewers) viewer.destroy();
  });

  test("say where something is missing after their agent was stopped and killed, and nowhere else (P8)", async () => {
    const agent = lab.agent();
    await lines.sender.start();
    await pause(1000);
    agent.signal("SIGSTOP");
    await pause(1500);
    agent.signal("SIGCONT");
    await pause(1000);
    const mark = lab.bus.mark();
    before ??= await offsets();
    restarts += 1;
    await agent.restart();
    await allUp(lab, lines, mark);
    const back = await offsets();
    await pause(1000);
    await lines.sender.stop();
    await judged(rest, lines, (logged, line, sent) => {
      const meanwhile = (back[line] ?? 0) - (before?.[line] ?? 0);
      return (
        missingFrom(logged, sent) <= meanwhile + UNSPOOLED_BYTES &&
        logged.gaps.length === restarts &&
        logged.gaps.every(({ reason, lost }) => reason === "agent-down" && lost === null)
      );
    });
  });
});

async function offsets(): Promise<number[]> {
  return (await lines.sender.report()).map(({ offset }) => offset);
}

/** Somebody who looks on at the last line, and takes it badly or not at all what comes. */
function look(): Socket {
  const socket = connect({ host: "127.0.0.1", port: rawPort });
  socket.on("error", () => socket.destroy());
  return socket.resume();
}

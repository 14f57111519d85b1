import { readFile } from "node:fs/promises";
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { expect, test } from "vitest";
import { QUICK, startService } from "./testing/link-pair.js";

const PROGRAM = new URL("testing/stopped-agent.js", import.meta.url);

/** The agent's process, and what its device has taken. */
async function startAgent(port: number, deadMs: number) {
  const agent = await startNode(PROGRAM, { args: [String(port), String(deadMs)] });
  const taken = (): string =>
    agent.lines
      .map((line) => (JSON.parse(line) as { taken?: string }).taken)
      .filter((one) => one !== undefined)
      .join("");
  return { agent, taken, [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose]() };
}

/** Resolves when it does not run any more, on no processor. */
async function stop(agent: Child): Promise<void> {
  await agent.kill("SIGSTOP");
  await eventually("it stands still", async () => {
    const stat = await readFile(`/proc/${agent.pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")")).startsWith(") T");
  });
}

test("what was sent to an agent that was given up meanwhile is never typed", async () => {
  await using service = await startService();
  await using rig = await startAgent(service.port, QUICK.dead);
  const { agent, taken } = rig;
  for (const typed of ["halt -f", "\r"]) {
    const announced = service.recorder.announced.get("n1") ?? 0;
    const linked = await eventually("it is linked", () => service.recorder.consoles.get("n1"));
    await stop(agent);
    await expect(linked.write(Buffer.from(typed))).rejects.toMatchObject({ code: "gone" });
    await agent.kill("SIGCONT");
    await eventually("it is linked anew", () => {
      return (service.recorder.announced.get("n1") ?? 0) > announced;
    });
  }
  // As a link may be ended once more on a machine that is very busy.
  await eventually("another one types", async () => {
    const linked = service.recorder.consoles.get("n1");
    return linked?.write(Buffer.from("."), AbortSignal.timeout(10_000)).then(
      () => true,
      () => false,
    );
  });
  expect(taken()).toMatch(/^\.+$/);
});

test("what was taken back while the agent stood still is not typed, and what was not comes late", async () => {
  const timing = { ...QUICK, dead: milliseconds(120_000) };
  await using service = await startService(undefined, { timing });
  await using rig = await startAgent(service.port, timing.dead);
  const { agent, taken } = rig;
  const linked = await eventually("it is linked", () => service.recorder.consoles.get("n1"));
  for (const round of ["1", "2", "3"]) {
    const turn = new AbortController();
    await stop(agent);
    const lost = linked.write(Buffer.from("halt -f\r"), turn.signal);
    const kept = linked.write(Buffer.from(`k${round}`));
    // So long that it is more than a busy moment.
    await systemClock.sleep(milliseconds(4 * QUICK.ping));
    turn.abort(new Error("somebody else has taken the console"));
    await expect(lost).rejects.toThrow("taken the console");
    const theirs = linked.write(Buffer.from(`t${round} `));
    await agent.kill("SIGCONT");
    await Promise.all([kept, theirs]);
  }
  await eventually("all is printed", () => taken().endsWith("t3 "));
  expect(taken()).toBe("k1t1 k2t2 k3t3 ");
});

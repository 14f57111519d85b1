import type { Lock } from "@outrider/contracts/lock";
import { expect, it } from "vitest";
import { Api } from "./api.js";
import type { Cli } from "./cli.js";
import { EXIT } from "./exit-code.js";
import { runLocked } from "./locked-run.js";
import { recordingConsole } from "./testing/recording-console.js";
import { startStubGateway, type Reply } from "./testing/stub-gateway.js";

const HELD = { id: "l1", state: "Held", nodes: "n1" } as Lock;
const BROKEN = { ...HELD, state: "Broken", endedBy: "person:bert" };

/** Runs a script while a lock of an hour stands. @param reply to whoever looks at it or gives it back */
async function run(script: string, reply: (method: string) => Reply) {
  await using stub = await startStubGateway(({ method }) => reply(method));
  const { console, said } = recordingConsole();
  const api = new Api({ url: stub.url, name: "stub" }, console.interrupted);
  const cli = { console, environment: process.env } as Cli;
  const code = await runLocked(api, HELD, ["sh", "-c", script], 3_600_000, cli);
  return { code, said: said.error.join("\n"), asked: stub.asked.map(({ method }) => method) };
}

it("ends as the command does, and gives the lock back", async () => {
  expect(await run("exit 9", () => ({ ...HELD, state: "Released" }))).toEqual({
    code: 9,
    said: "",
    asked: ["DELETE"],
  });
});

it("ends the command soon after somebody broke the lock", async () => {
  const { code, said, asked } = await run("exec tail -f /dev/null", () => BROKEN);
  expect(code).toBe(EXIT.precondition);
  expect(said).toMatch(/lock l1 is Broken by person:bert; the command is told to end/);
  expect(asked).toEqual(["GET"]);
});

it("ends with 5 when the lock turns out to be gone at the end", async () => {
  const { code, said } = await run("exit 0", () => BROKEN);
  expect([code, said]).toEqual([
    EXIT.precondition,
    expect.stringMatching(/Broken by person:bert; the command ended with 0/),
  ]);
  const problem = { code: "not-found", detail: "there is no lock l1" };
  expect((await run("exit 0", () => ({ status: 404, problem }))).code).toBe(EXIT.precondition);
});

it("keeps the command's code when a gateway that is away cannot be told", async () => {
  expect((await run("exit 3", () => "away")).code).toBe(3);
});

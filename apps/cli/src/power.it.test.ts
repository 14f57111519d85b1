import { expect, it } from "vitest";
import { Api } from "./api.js";
import { EXIT } from "./exit-code.js";
import { power, type PowerAsk } from "./power.js";
import { recordingConsole } from "./testing/recording-console.js";
import { startStubGateway, type Reply } from "./testing/stub-gateway.js";

const ASK: PowerAsk = {
  nodes: "n1",
  action: "On",
  timeoutMs: 1000,
  wait: false,
  yes: false,
  dryRun: false,
  format: "table",
  more: {},
};

async function asked(reply: (before: number) => Reply, unreachedMs = 60_000) {
  await using stub = await startStubGateway((_asked, before) => reply(before));
  const { console, said } = recordingConsole();
  const api = new Api({ url: stub.url, name: "stub" }, console.interrupted);
  const patience = { pauseMs: 1, unreachedMs };
  const ended = await power(api, ASK, console, patience).catch((error: unknown) => error);
  return { ended, said, ids: stub.asked.map(({ body }) => body?.["id"]), wrong: stub.wrong };
}

it("asks a gateway that came back again, under the same id", async () => {
  const { ended, ids, said, wrong } = await asked((before) =>
    before < 2 ? "away" : { id: "t1", nodes: "n1" },
  );
  expect(ended).toBe(EXIT.verified);
  expect(ids).toHaveLength(3);
  expect(new Set(ids).size).toBe(1);
  expect([said.out, wrong]).toEqual([["t1: On of n1 goes on"], []]);
});

it("says how to look when a gateway does not come back", async () => {
  const { ended, ids } = await asked(() => "away", 20);
  expect(ended).toMatchObject({
    exitCode: EXIT.unreachable,
    message: expect.stringContaining(
      `Whether it was accepted: outrider describe transition ${String(ids[0])}`,
    ) as string,
  });
});

it("does not repeat what was refused", async () => {
  for (const [status, code, exitCode] of [
    [423, "locked", EXIT.precondition],
    [503, "unavailable", EXIT.unreachable],
  ] as const) {
    const problem = { code, detail: "not now" };
    const { ended, ids } = await asked(() => ({ status, problem }));
    expect(ended).toMatchObject({ exitCode, message: "not now" });
    expect(ids).toHaveLength(1);
  }
});

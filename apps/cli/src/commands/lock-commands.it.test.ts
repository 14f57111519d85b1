import { expect, it } from "vitest";
import { runCli } from "../run.js";
import { recordingConsole } from "../testing/recording-console.js";
import { startStubGateway } from "../testing/stub-gateway.js";

async function broken(answers: readonly string[]) {
  await using stub = await startStubGateway(() => ({ id: "l1", state: "Broken", nodes: "n1" }));
  const { console, said } = recordingConsole(answers);
  const environment = { OUTRIDER_URL: stub.url, XDG_CONFIG_HOME: "/nonexistent" };
  const code = await runCli(["lock", "break", "l1"], environment, console);
  return { code, said, bodies: stub.asked.map(({ body }) => body), wrong: stub.wrong };
}

it("asks why a lock is broken where somebody can be asked", async () => {
  const { code, bodies, wrong } = await broken(["anna is on holiday"]);
  expect({ code, bodies, wrong }).toEqual({
    code: 0,
    bodies: [{ reason: "anna is on holiday" }],
    wrong: [],
  });
});

it("breaks nothing without a reason, and says how to give one", async () => {
  for (const answers of [[], ["  "]]) {
    const { code, bodies, said } = await broken(answers);
    expect([code, bodies]).toEqual([2, []]);
    expect(said.error.join()).toContain('outrider lock break l1 --reason "…"');
  }
});

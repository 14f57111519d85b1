import { expect, it } from "vitest";
import { runCli } from "./run.js";
import { recordingConsole } from "./testing/recording-console.js";
import { startStubGateway } from "./testing/stub-gateway.js";

const node = (id: string, value?: string, stale = false) => ({
  id,
  roles: [],
  ...(value === undefined
    ? {}
    : {
        supply: { value, evidence: "ReadBack", ageMs: 0, stale },
        host: { value: "Running", evidence: "ReadBack", ageMs: 0, stale },
      }),
});

async function outrider(line: string, nodes: readonly object[]) {
  await using stub = await startStubGateway(() => ({ nodes, proposals: nodes }));
  const { console, said } = recordingConsole();
  const environment = { OUTRIDER_URL: stub.url, XDG_CONFIG_HOME: "/nonexistent" };
  const code = await runCli(line.split(" "), environment, console);
  return { code, out: said.out, error: said.error };
}

it.each(["power status @nobody", "get nodes @nobody", "power status @nobody -o folded"])(
  "%s of a set without nodes ends with 5",
  async (line) => {
    expect(await outrider(line, [])).toEqual({
      code: 5,
      out: [],
      error: [expect.stringContaining("no node in this set")],
    });
  },
);

it("says that there is nothing, which is no error, and prints nothing", async () => {
  expect(await outrider("get nodes", [])).toEqual({
    code: 0,
    out: [],
    error: ["outrider: there are no nodes"],
  });
  expect(await outrider("get nodes -o json", [])).toEqual({ code: 0, out: ["[]"], error: [] });
});

it("folds nodes that are in one state, what is stale apart (P9)", async () => {
  const nodes = [
    node("n9"),
    node("n3", "On", true),
    node("n1", "On"),
    node("n2", "On"),
    node("n4", "Off"),
  ];
  for (const line of ["power status @all -o folded", "get nodes -o folded"]) {
    expect((await outrider(line, nodes)).out).toEqual([
      "n[1-2]: On/Running",
      "n4: Off/Running",
      "n9: never heard",
      "n3: stale (was On/Running)",
    ]);
  }
});

it("prints below a proposal what to write into the site file", async () => {
  const proposal = {
    id: "p1",
    kind: "node",
    subject: "n9",
    seenAt: new Date().toISOString(),
    detail: "seen",
    suggestion: "nodes:\n  n9: {}\n",
  };
  const { out } = await outrider("get proposals", [proposal, { ...proposal, id: "p2" }]);
  const lines = out.join("\n").split("\n");
  expect(lines.slice(2, 4)).toEqual(["    nodes:", "      n9: {}"]);
  expect(lines).toHaveLength(7);
});

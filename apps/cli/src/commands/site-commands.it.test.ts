import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../run.js";
import { recordingConsole } from "../testing/recording-console.js";
import { startStubGateway, type Reply } from "../testing/stub-gateway.js";

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "outrider-apply-"));
  file = join(folder, "site.yaml");
  writeFileSync(file, "site: lab\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

const READY = { state: "ready", epoch: "e", version: "1", startedAt: "2026-11-23T00:00:00.000Z" };
const BOUND = { endpoint: "n1.power", state: "bound" };
const FAILED = { endpoint: "n2.console", state: "failed", reason: "/dev/ttyS9 is not there." };

/**
 * What `apply` says where a new generation 5 is given to rack-a.
 * @param agents as the gateway has them, after so many looks
 */
async function apply(
  agents: (looks: number) => readonly object[],
  endpoints: readonly object[],
  ...more: string[]
) {
  const reply = (path: string, dryRun: boolean, before: number): Reply => {
    if (path === "/agents") return { agents: agents(before) };
    if (path.startsWith("/agents/")) return { id: "rack-a", description: { endpoints } };
    const changes = [{ kind: "added", path: "nodes.n1" }];
    if (dryRun) return { outcome: "would-apply", changes, faults: [] };
    const site = { revision: 2 };
    return { outcome: "applied", changes, faults: [], site, generations: { "rack-a": 5 } };
  };
  await using stub = await startStubGateway(({ path, query }, before) =>
    reply(path, query["dryRun"] === "true", before),
  );
  const { console, said } = recordingConsole();
  const environment = { OUTRIDER_URL: stub.url, XDG_CONFIG_HOME: "/nonexistent" };
  const code = await runCli(["apply", "-f", file, "-y", ...more], environment, console);
  expect(stub.wrong).toEqual([]);
  const looks = stub.asked.filter(({ path }) => path === "/agents").length;
  return { code, looks, out: said.out.join("\n"), error: said.error.join("\n") };
}

const rack = (generation: number, status: object | undefined = READY): object => ({
  id: "rack-a",
  ...(status ? { status } : {}),
  endpoints: 2,
  failed: 0,
  generation,
});

describe("outrider apply", () => {
  it("waits until agents have opened what changed", async () => {
    const told = await apply((looks) => [rack(looks < 2 ? 4 : 5)], [BOUND]);
    expect(told).toMatchObject({ code: 0, looks: 3, error: "" });
    expect(told.out).toContain("applied: revision 2");
  });

  it("names what could not be opened, and ends with 3", async () => {
    expect(await apply(() => [rack(5)], [BOUND, FAILED])).toMatchObject({
      code: 3,
      out: expect.stringContaining("applied: revision 2"),
      error: "outrider: n2.console could not be opened: /dev/ttyS9 is not there.",
    });
  });

  it.each([
    ["lost", { ...READY, state: "lost" }],
    ["never heard of", undefined],
  ])("does not wait for an agent that is %s", async (_, status) => {
    const agents = [{ ...rack(4), status }];
    expect(await apply(() => agents, [FAILED])).toMatchObject({
      code: 0,
      looks: 1,
      error: "outrider: agent rack-a is away; it opens its endpoints when it is connected",
    });
  });

  it("ends with 6 where an agent takes too long", async () => {
    expect(await apply(() => [rack(4)], [], "--timeout", "200ms")).toMatchObject({
      code: 6,
      error: expect.stringMatching(/^outrider: agent rack-a has not said within 0\.2 s/),
    });
  });

  it("waits for nobody with --no-wait", async () => {
    expect(await apply(() => [rack(4)], [], "--no-wait")).toMatchObject({ code: 0, looks: 0 });
  });
});

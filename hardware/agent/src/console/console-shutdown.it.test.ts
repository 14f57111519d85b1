import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { verifyDataDirectory } from "@outrider/audit/offline";
import type { AgentCommand, CommandReport } from "@outrider/contracts/agent";
import { endpointId } from "@outrider/contracts/ids";
import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AGENT, nodeOf, Stage } from "../testing/stage.js";
import { FarEnd } from "./testing/far-end.js";
import { LinkService } from "./testing/link-service.js";

const consoleOf = (slot: number) => endpointId(nodeOf(slot), "console");

/** A real agent, and simulated machines that obey Magic SysRq as a kernel does. */
describe("a shutdown by way of the console", () => {
  let stage: Stage;
  let service: LinkService;
  let farEnd: FarEnd;

  beforeAll(async () => {
    service = new LinkService("the secret of a1");
    await service.start();
    farEnd = await FarEnd.start();
    stage = await Stage.start({ bootMs: 100 });
    await stage.startAgent(await stage.linkedTo(service));
    await configure();
  });

  afterAll(async () => {
    await farEnd[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  });

  beforeRetry(async () => {
    // It may have been started so that it is killed at a point.
    await stage.restartAgent(await stage.linkedTo(service), "SIGTERM");
  });

  const configure = (): Promise<void> =>
    stage.configureEndpoints([
      ...[1, 2].flatMap((slot) => [
        stage.desired(slot),
        stage.consoleOf(nodeOf(slot), "simulated", { socket: stage.rack.listen, slot }),
      ]),
      stage.tcpConsole("n9", farEnd.port),
    ]);
  const shutdown = (slot: number, rest: Partial<AgentCommand> = {}): AgentCommand =>
    stage.command(slot, "GracefulShutdown", { endpoint: consoleOf(slot), ...rest });
  const run = async (slot: number, rest: Partial<AgentCommand> = {}): Promise<CommandReport> => {
    const { id } = await stage.send(shutdown(slot, rest));
    return stage.terminal(id);
  };
  const breaks = async (slot: number): Promise<number> =>
    (await stage.rack.client.consoleCounts(slot)).breaks;
  const hostOf = async (slot: number): Promise<string> => (await stage.rack.client.get(slot)).host;
  /** Until somebody can log in: a kernel that is not yet there takes no Magic SysRq. */
  async function boot(slot: number): Promise<void> {
    const node = nodeOf(slot);
    await stage.run(slot, "ForceOff");
    const { stream } = await service.up(node);
    const logins = (): number =>
      service.recorder.bytes(node, stream).toString().split("login:").length;
    const before = logins();
    await stage.run(slot, "On");
    await eventually("it has booted", () => logins() > before);
  }

  it("syncs, remounts read-only and powers off, and is done once for one id (P1)", async () => {
    await boot(1);
    const before = await breaks(1);
    const command = await stage.send(shutdown(1));
    expect(await stage.terminal(command.id)).toMatchObject({
      endpoint: "n1.console",
      status: "Succeeded",
      changed: true,
    });
    expect(await hostOf(1)).toBe("halted");
    expect(await breaks(1)).toBe(before + 3);
    const { stream } = await service.console("n1");
    await eventually("the console tells the same", () =>
      /Emergency Sync complete.*Emergency Remount complete.*Power Off/s.test(
        service.recorder.bytes("n1", stream).toString("latin1"),
      ),
    );
    await boot(1);
    await stage.send(command);
    await eventually("the outcome is repeated", () => stage.outcomes(command.id).length === 1);
    expect(await breaks(1)).toBe(before + 3);
    expect(await hostOf(1)).toBe("running");
  });

  it("is refused in another session, and when it comes too late (P3)", async () => {
    const before = await breaks(1);
    expect(await run(1, { epoch: "yesterday" })).toMatchObject({ reasonCode: "stale-epoch" });
    const { clock } = shutdown(1);
    const late = { clock: { ...clock, ms: Math.max(0, clock.ms - 5000) }, ttlMs: 400 };
    expect(await run(1, late)).toMatchObject({ reasonCode: "expired" });
    expect(await breaks(1)).toBe(before);
  });

  it("is fenced by what was seen at the supply of the same node (P6)", async () => {
    expect(await stage.run(2, "ForceOff", { fence: 9 })).toMatchObject({ status: "Succeeded" });
    expect(await run(2, { fence: 8 })).toMatchObject({ reasonCode: "fenced" });
  });

  it("is refused where no break can be sent", async () => {
    const { id } = await stage.send(
      stage.command(9, "GracefulShutdown", { endpoint: consoleOf(9) }),
    );
    expect(await stage.terminal(id)).toMatchObject({ reasonCode: "unsupported-action" });
  });

  it("ends before its next key when its node is switched off meanwhile", async () => {
    await boot(1);
    await stage.rack.client.guest(1, "halt");
    await eventually("nobody answers", async () => (await hostOf(1)) === "halted");
    const before = await breaks(1);
    const command = await stage.send(shutdown(1));
    await eventually("the first key is pressed", () =>
      stage.reports(command.id).some(({ detail }) => detail?.includes("sync was pressed") === true),
    );
    expect(await stage.run(1, "ForceOff")).toMatchObject({ status: "Succeeded" });
    expect(await stage.terminal(command.id)).toMatchObject({
      status: "Failed",
      reasonCode: "superseded",
    });
    expect(await breaks(1)).toBeLessThanOrEqual(before + 1);
  });

  it.each([
    ["agent.accepted", 0],
    ["agent.acting#2", 1],
    ["agent.acted", 3],
    ["agent.verified", 3],
  ])(
    "is unknown and not repeated when the agent is killed at %s (P1, P5)",
    async (failpoint, pressed) => {
      await boot(1);
      const link = await stage.linkedTo(service);
      await stage.restartAgent({ ...link, OUTRIDER_FAILPOINT: failpoint }, "SIGTERM");
      await service.up("n1");
      const before = await breaks(1);
      const command = await stage.send(shutdown(1));
      expect((await stage.agent.exited).signal).toBe("SIGKILL");
      const { epoch } = stage.description ?? {};
      await stage.startAgent(link);
      await eventually("a new session", () => stage.description?.epoch !== epoch);
      await stage.send(command);
      expect(await stage.terminal(command.id)).toMatchObject({
        status: "Unknown",
        reasonCode: "interrupted",
      });
      expect(await breaks(1)).toBe(before + pressed);
    },
  );

  it("has a record before it in a chain that holds (P20)", async () => {
    await boot(1);
    const { id } = await stage.send(shutdown(1));
    await stage.terminal(id);
    const file = join(stage.dir.path, `agent-${AGENT}`, "journal.sqlite");
    using db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
    const rows = db
      .prepare("SELECT stage, actor, data FROM agent_audit WHERE subject = ? ORDER BY seq")
      .all("n1.console")
      .filter(({ data }) => String(data).includes(id));
    expect(rows.map((row) => row["stage"])).toEqual(["intent", "outcome"]);
    expect(rows[0]).toMatchObject({ actor: "person:test" });
    await stage.agent.kill("SIGTERM");
    const verdicts = await verifyDataDirectory(stage.dir.path);
    expect(verdicts).toMatchObject([{ log: `agent-${AGENT}`, intact: true }]);
  });
});

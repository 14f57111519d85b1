import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { freeUdpPort } from "@outrider/simulators/snmp-peers";
import { startSwitch, type Simulator } from "@outrider/simulators/spawn";
import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Stage } from "./testing/stage.js";

const COMMUNITY = "canary-community-of-the-agent";
const SLOW = 2;
const DEAF = 3;
const DENIED = 4;

describe("an agent with nodes behind a PoE switch", { timeout: 90_000 }, () => {
  let stage: Stage;
  let poe: Simulator;
  let port: number;

  beforeAll(async () => {
    stage = await Stage.start();
    port = await freeUdpPort();
    await startPoe();
    await stage.startAgent({ OUTRIDER_SECRET_POE: COMMUNITY });
    await stage.configureEndpoints(
      [1, SLOW, DEAF, DENIED].map((slot) => ({
        ...stage.desired(slot),
        driver: "snmp-poe",
        options: {
          host: "127.0.0.1",
          udpPort: port,
          port: slot,
          community: { env: "OUTRIDER_SECRET_POE" },
          profile: "cisco",
        },
      })),
    );
    await stage.bound();
  });

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
    await poe.stop();
  });

  /** Also again, where a try has stopped it, and the agent with it. */
  async function startPoe(): Promise<void> {
    poe = await startSwitch({
      dir: join(stage.dir.path, "poe"),
      slots: 4,
      port,
      dialect: "poe",
      quirks: { [SLOW]: "slow", [DEAF]: "deaf", [DENIED]: "denied" },
      communities: { read: "read-only", write: COMMUNITY },
    });
  }
  beforeRetry(async () => {
    if (stage.agent.running) return;
    await startPoe();
    await stage.restartAgent({ OUTRIDER_SECRET_POE: COMMUNITY });
    await stage.run(1, "On");
  });

  const edges = async (slot: number) => (await poe.client.edges({ slot })).map(({ edge }) => edge);

  it("cycles a port: off, read back, on", async () => {
    await stage.run(1, "ForceOff");
    const before = (await edges(1)).length;
    expect(await stage.run(1, "On")).toMatchObject({ status: "Succeeded", changed: true });
    expect(await stage.run(1, "PowerCycle")).toMatchObject({ status: "Succeeded" });
    expect((await edges(1)).slice(before)).toEqual(["supply-on", "supply-off", "supply-on"]);
    await eventually("the port's watts are seen", () => stage.observation(1)?.drawWatts === 5);
  });

  it("waits for power to be delivered", async () => {
    await stage.run(SLOW, "ForceOff");
    const before = (await edges(SLOW)).length;
    expect(await stage.run(SLOW, "On")).toMatchObject({ status: "Succeeded", changed: true });
    expect((await edges(SLOW)).slice(before)).toEqual(["supply-on"]);
  });

  it("does not believe a port that says yes and does nothing", async () => {
    expect(await stage.run(DEAF, "On")).toMatchObject({
      status: "Failed",
      reasonCode: "not-verified",
    });
    expect(await edges(DEAF)).toEqual([]);
  });

  it("says why a port gives no power, and switches it off for good", async () => {
    expect(await stage.run(DENIED, "On")).toMatchObject({
      status: "Failed",
      reasonCode: "not-verified",
    });
    await eventually("the reason is seen", () =>
      stage.observation(DENIED)?.problem?.includes("power denied 7 times"),
    );
    expect(await stage.run(DENIED, "ForceOff")).toMatchObject({
      status: "Succeeded",
      changed: true,
    });
    await stage.seen(DENIED, "Off");
  });

  it("keeps a node's supply on when the node has halted", async () => {
    await poe.client.guest(1, "halt");
    const { edge } = await poe.client.waitForEdge(
      ({ slot, edge: one }) => slot === 1 && one === "halted",
      AbortSignal.timeout(20_000),
    );
    expect(edge).toBe("halted");
    expect(await stage.run(1, "On")).toMatchObject({ status: "Succeeded", changed: false });
    await stage.seen(1, "On");
  });

  it("lets the community out nowhere (P18)", async () => {
    // Refused, and silent: what is said then must not repeat it either.
    await poe.client.faults(1, { refuseOff: true });
    expect(await stage.run(1, "ForceOff")).toMatchObject({ status: "Failed" });
    await poe.stop();
    await eventually("the switch is missed", () => stage.observation(1)?.supply === "Unknown");
    await stage.agent.kill("SIGTERM");
    const files = readdirSync(stage.dir.path, { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isFile(),
    );
    expect(files.length).toBeGreaterThan(3);
    const leaks = files
      .map((file) => join(file.parentPath, file.name))
      .filter((path) => readFileSync(path).includes(COMMUNITY));
    expect(leaks).toEqual([]);
    const said =
      JSON.stringify([stage.events, stage.description]) +
      stage.agent.lines.join() +
      stage.agent.stderr();
    expect(said).not.toContain(COMMUNITY);
  });
});

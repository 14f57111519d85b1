import {
  agentAck,
  agentCommand,
  agentDescription,
  agentEvent,
  agentStatus,
  type AgentCommand,
  type CommandReport,
  type DescribedEndpoint,
  type Observation,
} from "@outrider/contracts/agent";
import { agentId, commandId, endpointId, nodeId } from "@outrider/contracts/ids";
import { nodeDescription } from "@outrider/contracts/node";
import {
  powerResult,
  powerSet,
  powerState,
  type PowerResult,
  type PowerState,
} from "@outrider/contracts/power";
import { presenceOf } from "@outrider/messaging/presence";
import { Session } from "@outrider/messaging/session";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const node = nodeId("n1");
const agent = agentId("a1");
const endpoint = endpointId("n1", "power");
const at = "2026-11-23T00:00:00.000Z";

/** The power service as a process, between a person and an agent that the test plays. */
class Stage {
  readonly results: PowerResult[] = [];
  /** Each command once. */
  readonly commands: AgentCommand[] = [];
  readonly deliveries: AgentCommand[] = [];
  readonly acks: number[] = [];
  readonly states: unknown[] = [];
  service!: Child;
  person!: Session;
  agent!: Session;
  #seq = 0;

  constructor(
    readonly broker: TestBroker,
    readonly data: TempDir,
  ) {}

  async start(): Promise<void> {
    const inventory = this.#session("inventory");
    inventory.retain(
      nodeDescription,
      { node },
      {
        id: node,
        name: "One",
        roles: [],
        labels: {},
        supportedActions: [],
        gracefulLimitMs: 1000,
        interfaces: { power: [{ agent, endpoint, driver: "simulated" }] },
      },
    );
    this.person = this.#session("person");
    this.person.subscribe(powerResult, { node }, ({ payload }) => void this.results.push(payload));
    this.person.subscribe(powerState, { node }, ({ payload }) => void this.states.push(payload));
    await this.person.ready(within());
    await this.startAgent();
    await this.startService();
  }

  async startService(env: Record<string, string> = {}): Promise<void> {
    this.service = await startNode(import.meta.resolve("./main.js"), {
      env: { OUTRIDER_MQTT_URL: this.broker.url, OUTRIDER_DATA: this.data.path, ...env },
    });
  }

  async startAgent(): Promise<void> {
    this.agent = new Session({
      url: this.broker.url,
      clientId: "agent-a1",
      presence: presenceOf(
        agentStatus,
        { agent },
        {
          birth: (epoch) => ({ state: "ready" as const, epoch, version: "1", startedAt: at }),
          will: (epoch) => ({ state: "lost" as const, epoch, version: "1", startedAt: at }),
        },
      ),
    });
    this.agent.subscribe(agentCommand, { agent }, ({ payload }) => {
      this.deliveries.push(payload);
      // A service that hears nothing sends the same again.
      if (!this.commands.some(({ id }) => id === payload.id)) this.commands.push(payload);
    });
    this.agent.subscribe(
      agentAck,
      { agent },
      ({ payload }) => void this.acks.push(payload.event ?? 0),
    );
    this.describe({});
    this.agent.start();
    await this.agent.ready(within());
  }

  describe(rest: Partial<DescribedEndpoint>): void {
    this.agent.retain(
      agentDescription,
      { agent },
      {
        epoch: "e",
        generation: 1,
        drivers: [],
        fences: {},
        endpoints: [
          {
            endpoint,
            node,
            port: "power",
            driver: "simulated",
            state: "bound",
            actions: ["On", "ForceOff", "PowerCycle", "PushPowerButton"],
            ...rest,
          },
        ],
      },
    );
  }

  /** Asks until the service knows the node and its agent. */
  async settled(): Promise<void> {
    await eventually("the service knows the state", async () => {
      await this.see({ supply: "On", host: "Running" });
      return this.states.some(
        (one) => (one as { supply: { value: string } }).supply.value === "On",
      );
    });
  }

  async ask(
    action: "On" | "ForceOff" | "PowerCycle" | "GracefulShutdown" | "Nmi",
    id?: string,
  ): Promise<void> {
    await this.person.publish(powerSet, { node }, { action, ...(id ? { id: commandId(id) } : {}) });
  }

  async report(
    command: AgentCommand,
    rest: Partial<CommandReport>,
    seq = ++this.#seq,
  ): Promise<number> {
    await this.agent.publish(
      agentEvent,
      { agent },
      {
        v: 1,
        epoch: "e",
        at,
        seq,
        command: {
          id: command.id,
          endpoint,
          action: command.action,
          status: "Succeeded",
          terminal: true,
          ...rest,
        },
      },
    );
    return seq;
  }

  async see(rest: Partial<Observation>): Promise<void> {
    await this.agent.publish(
      agentEvent,
      { agent },
      {
        v: 1,
        epoch: "e",
        at,
        observations: [
          {
            endpoint,
            supply: "On",
            supplyEvidence: "ReadBack",
            supplySince: at,
            host: "Running",
            hostEvidence: "ReadBack",
            hostSince: at,
            observedAt: at,
            staleAfterMs: 60_000,
            ...rest,
          },
        ],
      },
    );
  }

  terminal(id: string): Promise<PowerResult> {
    return eventually(`${id} ends`, () =>
      this.results.find((one) => one.id === id && one.terminal),
    );
  }

  command(index: number): Promise<AgentCommand> {
    return eventually(`command ${index} reaches the agent`, () => this.commands[index]);
  }

  async stop(): Promise<void> {
    await this.service.kill();
    for (const session of this.#sessions) await session.stop();
    await this.agent.stop();
  }

  readonly #sessions: Session[] = [];

  #session(clientId: string): Session {
    const session = new Session({ url: this.broker.url, clientId });
    this.#sessions.push(session);
    session.start();
    return session;
  }
}

describe("the power service", () => {
  let stage: Stage;

  beforeEach(async () => {
    stage = new Stage(await startTestBroker(), await tempDir());
    await stage.start();
    await stage.settled();
  });

  afterEach(async () => {
    await stage.stop();
    await stage.broker.stop();
    await stage.data.remove();
  });

  it("carries a cycle to the agent and its outcome back, with the agent's epoch and its own clock", async () => {
    await stage.ask("PowerCycle", "c1");
    const command = await stage.command(0);
    expect(command).toMatchObject({ action: "PowerCycle", endpoint, epoch: stage.agent.epoch });
    const seq = await stage.report(command, { detail: "cycled" });
    expect(await stage.terminal("c1")).toMatchObject({ status: "Succeeded", action: "PowerCycle" });
    expect(stage.results.map(({ status }) => status)).toEqual(["Accepted", "Succeeded"]);
    await eventually("the event is acknowledged once it is known to be the first", async () => {
      await stage.report(command, { detail: "cycled" }, seq);
      return stage.acks.includes(seq);
    });
    await stage.ask("PowerCycle", "c1");
    await eventually("the outcome is repeated", () => stage.results.length === 3);
    expect(stage.results[2]).toEqual(stage.results[1]);
    expect(stage.commands).toHaveLength(1);
  });

  it("says with the state why a supply is not known: as its device does, else why nothing can read it", async () => {
    const last = () => stage.states.at(-1) as PowerState;
    const problem = "The switch at 10.0.0.2 did not answer. Check its power.";
    await stage.see({ supply: "Unknown", supplyEvidence: "Assumed", host: "Unknown", problem });
    await eventually("the device's words are in the state", () => last().problem === problem);
    expect(last()).toMatchObject({ supply: { value: "Unknown" }, host: { value: "Unknown" } });
    await stage.see({ supply: "On" });
    await eventually("it answers again", () => last().supply.value === "On");
    expect(last()).not.toHaveProperty("problem");

    stage.describe({ state: "failed", actions: [], reason: `no such file ${"x".repeat(900)}` });
    await eventually("why it could not be opened is in the state", () =>
      last().problem?.startsWith("agent a1 could not open n1.power: no such file"),
    );
    stage.describe({});
    await eventually("it is open", () => last().problem === undefined);
  });

  it("answers at once what it will not do", async () => {
    await stage.ask("Nmi", "c1");
    expect(await stage.terminal("c1")).toMatchObject({
      status: "Rejected",
      reasonCode: "unsupported-action",
    });
    await stage.ask("PowerCycle", "c2");
    await stage.command(0);
    await stage.ask("On", "c3");
    expect(await stage.terminal("c3")).toMatchObject({ reasonCode: "busy" });
    await stage.report(await stage.command(0), {});
    await stage.terminal("c2");
    await stage.agent.stop();
    const away = await eventually("the agent is away", async () => {
      await stage.ask("ForceOff");
      return stage.results.find(({ reasonCode }) => reasonCode === "agent-away");
    });
    expect(away.detail).toContain("a1");
  });

  it("presses, waits, and times out without force; ForceOff takes the place of the wait", async () => {
    await stage.ask("GracefulShutdown", "c1");
    const press = await stage.command(0);
    expect(press.action).toBe("PushPowerButton");
    await stage.report(press, {});
    expect(await stage.terminal("c1")).toMatchObject({
      status: "TimedOut",
      reasonCode: "not-obeyed",
    });

    await stage.ask("GracefulShutdown", "c2");
    await stage.report(await stage.command(1), {});
    await eventually("it waits", () =>
      stage.results.some(({ id, detail }) => id === "c2" && detail?.startsWith("waiting")),
    );
    await stage.ask("ForceOff", "c3");
    expect(await stage.terminal("c2")).toMatchObject({
      status: "Canceled",
      reasonCode: "superseded",
    });
    expect((await stage.command(2)).action).toBe("ForceOff");
  });

  it("takes a command up again after kill -9 with the very same envelope (P5)", async () => {
    await stage.ask("PowerCycle", "c1");
    const first = await stage.command(0);
    await stage.service.kill("SIGKILL");
    const before = stage.deliveries.length;
    await stage.startService();
    const again = await eventually("it is sent again", () => stage.deliveries[before]);
    expect(again).toEqual(first);
    await stage.report(again, {});
    expect(await stage.terminal("c1")).toMatchObject({ status: "Succeeded" });
    expect(stage.commands).toHaveLength(1);
  });

  it("repeats a refusal under the same id, though it would be possible by then (P1)", async () => {
    await stage.see({ supply: "On", host: "Halted" });
    await eventually("the host is seen halted", () =>
      stage.states.some((one) => (one as { host: { value: string } }).host.value === "Halted"),
    );
    await stage.ask("GracefulShutdown", "c1");
    const first = await stage.terminal("c1");
    expect(first).toMatchObject({ status: "Succeeded" });
    await stage.service.kill("SIGKILL");
    await stage.startService();
    await stage.settled();
    const before = stage.results.length;
    await eventually("it is answered again", async () => {
      await stage.ask("GracefulShutdown", "c1");
      return stage.results.slice(before).find(({ id }) => id === "c1");
    });
    expect(
      new Set(stage.results.filter(({ id }) => id === "c1").map((one) => JSON.stringify(one))).size,
    ).toBe(1);
    expect(stage.commands).toHaveLength(0);

    await stage.ask("PowerCycle", "c1");
    const misused = await eventually("the misuse is refused", () =>
      stage.results.find(({ id, action }) => id === "c1" && action === "PowerCycle"),
    );
    expect(misused).toMatchObject({ status: "Rejected", reasonCode: "invalid" });
    expect(stage.commands).toHaveLength(0);
  });

  it("does not begin what waited too long because the service stood still (P3)", async () => {
    await stage.service.kill("SIGSTOP");
    await stage.person.publish(
      powerSet,
      { node },
      { action: "On", id: commandId("c1"), ttlMs: 1000 },
    );
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await stage.service.kill("SIGCONT");
    expect(await stage.terminal("c1")).toMatchObject({ status: "Rejected", reasonCode: "expired" });
    expect(stage.commands).toHaveLength(0);
  });

  it("tells repeated progress once, and its numbers only rise, over a restart too (P5)", async () => {
    await stage.ask("PowerCycle", "c1");
    const command = await stage.command(0);
    const progress = {
      status: "InProgress",
      terminal: false,
      detail: "the supply is off",
    } as const;
    for (let i = 0; i < 5; i++) await stage.report(command, progress);
    await eventually("progress is told", () =>
      stage.results.some(({ detail }) => detail === progress.detail),
    );
    await stage.service.kill("SIGKILL");
    // It may have been sent more than once already.
    const sent = stage.deliveries.length;
    await stage.startService();
    await eventually("it is sent again", () => stage.deliveries[sent]);
    await stage.report(command, {});
    await stage.terminal("c1");
    const told = stage.results.filter(({ id }) => id === "c1");
    // What was told as the service died may be told again: readers count each number once.
    const progresses = told.filter(({ detail }) => detail === progress.detail);
    expect(new Set(progresses.map(({ seq }) => seq)).size).toBe(1);
    expect(progresses.length).toBeLessThanOrEqual(2);
    const numbers = told.map(({ seq }) => seq);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  });

  it("does not let a second instance start", async () => {
    const second = startNode(import.meta.resolve("./main.js"), {
      env: { OUTRIDER_MQTT_URL: stage.broker.url, OUTRIDER_DATA: stage.data.path },
    });
    await expect(second).rejects.toThrow(/already active.*pid \d+/s);
  });
});

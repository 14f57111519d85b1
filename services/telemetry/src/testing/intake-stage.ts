import type { AgentDesired } from "@outrider/contracts/agent";
import { agentId, endpointId, nodeId } from "@outrider/contracts/ids";
import { decode } from "@outrider/contracts/codec";
import { agentReading, type AgentReadings } from "@outrider/contracts/reading-report";
import type { ServiceStatus } from "@outrider/contracts/service";
import { silentLog } from "@outrider/messaging/log";
import type { Session } from "@outrider/messaging/session";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { Declared } from "../declared.js";
import { Intake } from "../intake/intake.js";
import { PointWriter } from "../intake/point-writer.js";
import type { RememberedSpools } from "../intake/remembered-spools.js";
import { Latest } from "../state/latest.js";
import type { Point } from "../store/store.js";
import { TelemetryListeners } from "../telemetry-listener.js";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The intake with inventory and agents as the test has them speak. */
export class IntakeStage {
  readonly clock = new VirtualClock();
  readonly acks: string[] = [];
  readonly stored: Point[] = [];
  readonly refused: string[] = [];
  readonly listeners = new TelemetryListeners();
  disconnect: () => void = () => undefined;
  readonly #intake: Intake;

  constructor() {
    const { clock } = this;
    const session: Pick<Session, "onDisconnect" | "publish"> = {
      onDisconnect: (hook) => {
        this.disconnect = hook;
        return () => undefined;
      },
      publish: (_, parameters, payload) => {
        const { agent } = parameters as { agent: string };
        const { reading } = payload as { reading?: number };
        if (reading !== undefined && reading > 0) this.acks.push(`${agent} ${reading}`);
        return Promise.resolve();
      },
    };
    const writer = new PointWriter({
      store: {
        write: (points) => {
          this.stored.push(...points);
          return Promise.resolve();
        },
      },
      clock,
      log: silentLog,
      defect: (error) => {
        throw error;
      },
    });
    const remembered: Pick<RememberedSpools, "keep" | "forget" | "keepOffset"> = {
      keep: () => undefined,
      forget: () => undefined,
      keepOffset: () => Promise.resolve(true),
    };
    this.#intake = new Intake({
      session: session as Session,
      clock,
      log: silentLog,
      declared: new Declared(),
      latest: new Latest(clock),
      listeners: this.listeners,
      writer,
      remembered: remembered as RememberedSpools,
      counts: {
        readings: { add: () => undefined },
        refused: { add: (labels) => void this.refused.push(labels?.["why"] ?? "") },
        lost: { add: () => undefined },
      },
      redeclared: () => undefined,
    });
  }

  /** What inventory wants an agent to be: a sensor of each node. */
  desires(agent: string, ...nodes: string[]): void {
    const endpoints = nodes.map((node): AgentDesired["endpoints"][number] => ({
      endpoint: endpointId(node, "sensor", "supply"),
      node: nodeId(node),
      port: "sensor",
      driver: "simulated",
      options: {},
      restore: "None",
      dwellMs: 1000,
      sampleEveryMs: 1000,
      staleAfterMs: 30_000,
    }));
    const payload: AgentDesired = { generation: 1, endpoints };
    this.#intake.desired({ ...this.#meta(agent), payload });
  }

  offsets(): string[] {
    return Array.from(this.#intake.offsets(), ([agent, ms]) => `${agent} ${ms}`);
  }

  /** One reading that is taken now. @param aheadMs how far the agent's calendar is ahead */
  async sends(
    agent: string,
    node: string,
    {
      seq = 1,
      aheadMs = 0,
      dropped,
    }: {
      readonly seq?: number;
      readonly aheadMs?: number;
      readonly dropped?: AgentReadings["dropped"];
    } = {},
  ): Promise<void> {
    const at = new Date(this.clock.now().getTime() + aheadMs).toISOString();
    const endpoint = endpointId(node, "sensor", "supply");
    const readings = [{ endpoint, node: nodeId(node), at, ageMs: 0, values: { voltageVolts: 5 } }];
    const payload: AgentReadings = {
      v: 1,
      epoch: "e",
      spool: "s",
      oldest: 1,
      seq,
      at,
      readings,
      ...(dropped ? { dropped } : {}),
    };
    this.#intake.readings({ ...this.#meta(agent), payload });
    await turn();
  }

  /** What is no batch. */
  async sendsBytes(agent: string, bytes: Uint8Array): Promise<void> {
    const refused = decode(agentReading, bytes);
    if (refused.ok) throw new Error("it can be read");
    const { refusal } = refused;
    this.#intake.unreadable(refusal, { ...this.#meta(agent), refusal, bytes });
    await turn();
  }

  /** The state of the inventory service. */
  inventoryIs(state: ServiceStatus["state"]): void {
    const at = this.clock.now().toISOString();
    const payload = { state, instance: "i", version: "1", startedAt: at };
    this.#intake.service({ ...this.#meta("a"), parameters: { service: "inventory" }, payload });
  }

  #meta(agent: string) {
    return {
      parameters: { agent: agentId(agent) },
      topic: "",
      retain: false,
      actor: undefined,
      wasRetained: false,
      receivedMs: this.clock.monotonicMs(),
      dup: false,
    };
  }
}

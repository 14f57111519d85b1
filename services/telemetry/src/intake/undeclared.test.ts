import type { AgentDesired } from "@outrider/contracts/agent";
import { milliseconds } from "@outrider/contracts/clock";
import { agentId, endpointId, nodeId } from "@outrider/contracts/ids";
import type { AgentReadings } from "@outrider/contracts/reading-report";
import { silentLog } from "@outrider/messaging/log";
import type { Session } from "@outrider/messaging/session";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { Declared } from "../declared.js";
import { Latest } from "../state/latest.js";
import type { Point } from "../store/store.js";
import { TelemetryListeners } from "../telemetry-listener.js";
import { Intake } from "./intake.js";
import { PointWriter } from "./point-writer.js";
import type { RememberedSpools } from "./remembered-spools.js";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const LONG = milliseconds(60_000);

/** The intake with inventory and agents as the test has them speak. */
class Stage {
  readonly clock = new VirtualClock();
  readonly acks: string[] = [];
  readonly stored: Point[] = [];
  readonly refused: string[] = [];
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
      listeners: new TelemetryListeners(),
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

  async sends(agent: string, node: string): Promise<void> {
    const at = this.clock.now().toISOString();
    const endpoint = endpointId(node, "sensor", "supply");
    const readings = [{ endpoint, node: nodeId(node), at, ageMs: 0, values: { voltageVolts: 5 } }];
    const payload: AgentReadings = {
      v: 1,
      epoch: "e",
      spool: "s",
      oldest: 1,
      seq: 1,
      at,
      readings,
    };
    this.#intake.readings({ ...this.#meta(agent), payload });
    await turn();
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

describe("a reading of an endpoint that is not declared", () => {
  let stage: Stage;
  beforeEach(() => {
    stage = new Stage();
  });

  it("is kept by its agent until it has been heard what that agent is to be, however long that takes", async () => {
    stage.desires("rack-b", "n9");
    for (let at = 0; at < 5; at++) {
      await stage.sends("rack-a", "n1");
      await stage.clock.advance(LONG);
    }
    expect([stage.acks, stage.refused]).toEqual([[], []]);
    stage.desires("rack-a", "n1");
    await stage.sends("rack-a", "n1");
    expect(stage.acks).toEqual(["rack-a 1"]);
    expect(stage.stored).toHaveLength(1);
  });

  it("is kept while what its agent is to be now may still be on its way to us", async () => {
    stage.desires("rack-a", "n1");
    await stage.clock.advance(LONG);
    await stage.sends("rack-a", "n2");
    await stage.clock.advance(milliseconds(4000));
    await stage.sends("rack-a", "n2");
    expect([stage.acks, stage.refused]).toEqual([[], []]);
    stage.desires("rack-a", "n1", "n2");
    await stage.sends("rack-a", "n2");
    expect(stage.stored).toHaveLength(1);
  });

  it("is refused, and its agent need not keep it, when that agent does not have it", async () => {
    stage.desires("rack-a", "n1");
    await stage.sends("rack-a", "n2");
    await stage.clock.advance(milliseconds(5000));
    await stage.sends("rack-a", "n2");
    expect([stage.acks, stage.refused]).toEqual([["rack-a 1"], ["not-declared"]]);
    expect(stage.stored).toEqual([]);
  });

  it("is kept again when the connection was lost meanwhile", async () => {
    stage.desires("rack-a", "n1");
    await stage.sends("rack-a", "n2");
    stage.disconnect();
    await stage.clock.advance(LONG);
    await stage.sends("rack-a", "n2");
    expect([stage.acks, stage.refused]).toEqual([[], []]);
  });
});

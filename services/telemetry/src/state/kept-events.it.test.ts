import { silentLog } from "@outrider/messaging/log";
import { milliseconds } from "@outrider/contracts/clock";
import { agentId, nodeId } from "@outrider/contracts/ids";
import type { NodeDescription } from "@outrider/contracts/node";
import type { Session } from "@outrider/messaging/session";
import { openStorage } from "@outrider/storage/open-storage";
import { eventually } from "@outrider/testing/eventually";
import { tempDir } from "@outrider/testing/temp-dir";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { expect, it } from "vitest";
import { ALARM_MIGRATION } from "../alarms/alarm-migrations.js";
import { Ledger } from "../alarms/ledger.js";
import { EventLog } from "../events/event-log.js";
import { AlarmHealth } from "./alarm-health.js";
import { Latest } from "./latest.js";
import { Management } from "./management.js";
import { NodeStates } from "./node-states.js";

const NODE = nodeId("n1");

it("what is found of a node while the broker is away is written down at once, and told when it is back", async () => {
  await using stack = new AsyncDisposableStack();
  const directory = await tempDir();
  stack.defer(() => directory.remove());
  const migrations = { namespace: "telemetry", steps: [ALARM_MIGRATION] };
  const storage = await openStorage({ file: `${directory.path}/t.sqlite`, migrations });
  stack.defer(() => storage.close());
  const clock = new VirtualClock();
  const told: string[] = [];
  const broker = { isThere: false };
  const session: Pick<Session, "retain" | "publish" | "onBorn" | "connected"> = {
    get connected() {
      return broker.isThere;
    },
    retain: () => undefined,
    onBorn: () => undefined,
    publish: (_, __, payload) => {
      told.push((payload as { kind: string }).kind);
      return Promise.resolve();
    },
  };
  const ledger = new Ledger({
    storage,
    clock,
    log: silentLog,
    defect: (error) => {
      throw error;
    },
  });
  const events = new EventLog({
    storage,
    ledger,
    session: session as Session,
    clock,
    put: () => undefined,
  });
  await events.start();
  stack.defer(() => events.stop());
  const management = new Management();
  const description: Pick<NodeDescription, "interfaces"> = { interfaces: {} };
  management.describe(NODE, description as NodeDescription);
  const states = new NodeStates({
    session: session as Session,
    clock,
    latest: new Latest(clock),
    management,
    alarms: new AlarmHealth(),
    livenessChanged: () => undefined,
    powerExpired: () => undefined,
    happened: (happened) => void events.happened(happened),
    store: () => undefined,
  });
  for (const alive of [true, false]) {
    states.heartbeatRead({
      node: NODE,
      agent: agentId("rack-a"),
      heartbeat: "lan",
      atMs: clock.now().getTime(),
      takenMs: clock.monotonicMs(),
      staleAfterMs: 2000,
      look: { proves: "network", alive },
    });
  }
  const never = new AbortController().signal;
  await eventually("it is written down", async () => {
    const kept = await events.events({ limit: 10 }, never);
    return kept.events.some(({ kind, node }) => kind === "heartbeat-missed" && node === "n1");
  });
  expect(told).toEqual([]);
  broker.isThere = true;
  await eventually("it is told", async () => {
    await clock.advance(milliseconds(1000));
    return told.length > 0;
  });
  expect(told).toEqual(["heartbeat-missed"]);
});

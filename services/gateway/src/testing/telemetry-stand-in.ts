import { text } from "node:stream/consumers";
import { Module } from "@nestjs/common";
import { systemClock, timestamp } from "@outrider/contracts/clock";
import { nodeDescription, nodeStatus, type NodeDescription } from "@outrider/contracts/node";
import { agentAlarm, domainAlarm, nodeAlarm, type AlarmState } from "@outrider/contracts/telemetry";
import { acknowledgeAlarm, type AcknowledgeAlarm } from "@outrider/contracts/telemetry-operations";
import { silentLog } from "@outrider/messaging/log";
import { OnRequest, type Asked } from "@outrider/service-kit/on-request";
import { startService } from "@outrider/service-kit/service";

/** What a page of the stand-in answers. */
export interface Told {
  readonly status?: number;
  readonly body: object;
}

/** A question as it came to the listener. */
export interface AskedPage {
  readonly page: string;
  readonly actor: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A telemetry service without telemetry: it has the listener and operations of the real one and answers as a test says. */
export interface TelemetryStandIn extends AsyncDisposable {
  readonly asked: readonly AskedPage[];
  readonly acknowledged: readonly Asked<AcknowledgeAlarm>[];
  answer: (asked: AskedPage) => Told;
  alarm(node: string, alarm: AlarmState): void;
  /** @param alarm undefined: it is over */
  agentAlarm(agent: string, id: string, alarm: AlarmState | undefined): void;
  domainAlarm(domain: string, id: string, alarm: AlarmState | undefined): void;
  stop(): Promise<void>;
}

export async function startTelemetryStandIn(options: {
  readonly mqttUrl: string;
  readonly data: string;
  readonly nodes: readonly string[];
}): Promise<TelemetryStandIn> {
  const asked: AskedPage[] = [];
  const acknowledged: Asked<AcknowledgeAlarm>[] = [];
  const standIn: { answer: TelemetryStandIn["answer"] } = { answer: () => ({ body: {} }) };

  class Operations {
    @OnRequest(acknowledgeAlarm)
    acknowledge(request: Asked<AcknowledgeAlarm>): AlarmState {
      acknowledged.push(request);
      const { id, comment } = request.body;
      return {
        ...alarmOf(id),
        acknowledged: {
          actor: request.actor,
          at: timestamp(systemClock),
          ...(comment === undefined ? {} : { comment }),
        },
      };
    }
  }

  @Module({ providers: [Operations] })
  class StandInModule {}

  const service = await startService({
    name: "telemetry",
    version: "0",
    module: StandInModule,
    mqtt: { url: options.mqttUrl },
    dataDirectory: options.data,
    log: silentLog,
    http: () => (request, response) => {
      void text(request).then((body) => {
        const { "outrider-actor": actor } = request.headers;
        const one = {
          page: request.url ?? "",
          actor: typeof actor === "string" ? actor : undefined,
          body: JSON.parse(body) as Record<string, unknown>,
        };
        asked.push(one);
        const { status = 200, body: told } = standIn.answer(one);
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(told));
      });
    },
  });
  for (const node of options.nodes) {
    service.session.retain(nodeDescription, { node }, descriptionOf(node));
    service.session.retain(
      nodeStatus,
      { node },
      {
        management: "Available",
        liveness: "Alive",
        health: "OK",
        observedAt: timestamp(systemClock),
        staleAfterMs: 600_000,
      },
    );
  }
  return Object.assign(standIn, {
    asked,
    acknowledged,
    alarm: (node: string, alarm: AlarmState) =>
      service.session.retain(nodeAlarm, { node, alarm: alarm.id }, alarm),
    agentAlarm: (agent: string, id: string, alarm: AlarmState | undefined) =>
      service.session.retain(agentAlarm, { agent, alarm: id }, alarm),
    domainAlarm: (domain: string, id: string, alarm: AlarmState | undefined) =>
      service.session.retain(domainAlarm, { domain, alarm: id }, alarm),
    stop: () => service.stop(),
    [Symbol.asyncDispose]: () => service.stop(),
  });
}

/** An alarm of this name. */
export function alarmOf(id: string): AlarmState {
  return {
    id,
    rule: id,
    kind: "threshold",
    severity: "Warning",
    message: "too hot",
    raisedAt: "2026-11-23T05:00:00.000Z",
  };
}

function descriptionOf(node: string): NodeDescription {
  return {
    id: node,
    name: `Node "${node}"`,
    roles: ["storage"],
    labels: {},
    supportedActions: [],
    gracefulLimitMs: 1000,
    interfaces: {},
  } as unknown as NodeDescription;
}

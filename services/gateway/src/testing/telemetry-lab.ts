import { eventually } from "@outrider/testing/eventually";
import { openDoor, type Door } from "./door.js";
import { receiveGuests, type Guests } from "./guests.js";
import {
  startTelemetryStandIn,
  type AskedPage,
  type TelemetryStandIn,
  type Told,
} from "./telemetry-stand-in.js";

const AT = "2026-11-23T05:00:00.000Z";

/** A closed door with three nodes, a stand-in for the telemetry service, and people: oper, view, some (of n2 alone). */
export interface TelemetryLab extends AsyncDisposable {
  readonly door: Door;
  readonly telemetry: TelemetryStandIn;
  readonly guests: Guests;
  /** Asks the API as somebody. */
  readonly said: (
    who: string,
    path: string,
    method?: string,
    body?: object,
  ) => Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
  /** Text of a path below the root. */
  readonly fetched: (
    who: string,
    path: string,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<{ readonly status: number; readonly type: string | null; readonly text: string }>;
}

export async function startTelemetryLab(): Promise<TelemetryLab> {
  await using started = new AsyncDisposableStack();
  const door = started.use(await openDoor());
  const { mqttUrl, data } = door;
  const telemetry = started.use(
    await startTelemetryStandIn({ mqttUrl, data, nodes: ["n1", "n2", "n10"] }),
  );
  telemetry.answer = usualAnswer;
  const guests = await receiveGuests(door);
  await guests.add("oper", { role: "operator" });
  await guests.add("view", { role: "viewer" });
  await guests.add("some", { role: "operator", nodes: "n2" });
  const said: TelemetryLab["said"] = async (who, path, method = "GET", body) => {
    const reply = await door.ask(method, path, {
      headers: guests.as(who),
      ...(body ? { body } : {}),
    });
    const text = await reply.text();
    return {
      status: reply.status,
      body: (text ? JSON.parse(text) : {}) as Record<string, unknown>,
    };
  };
  await eventually("the nodes are known", async () => {
    const { body } = await said("oper", "/nodes");
    return body["total"] === 3;
  });
  const running = started.move();
  return {
    door,
    telemetry,
    guests,
    said,
    fetched: async (who, path, headers = {}) => {
      const reply = await fetch(door.gateway.url + path, {
        headers: { ...guests.as(who), ...headers },
      });
      return {
        status: reply.status,
        type: reply.headers.get("content-type"),
        text: await reply.text(),
      };
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** A telemetry service whose nodes all have the same sensors. */
export function usualAnswer({ page, body }: AskedPage): Told {
  const nodes = body["nodes"] as string[];
  const taken = { at: AT, ageMs: 1500, staleAfterMs: 30_000, stale: false };
  if (page === "/latest") {
    return {
      body: {
        nodes: nodes.map((node) => ({
          node,
          sensors: [
            {
              ...taken,
              sensor: "supply",
              values: [
                { quantity: "voltageVolts", unit: "V", value: 5.1 },
                { quantity: "energyWattHours", unit: "Wh", value: 2.5 },
                { quantity: "currentAmperes", unit: "A", absent: "NoReading" },
              ],
            },
            {
              ...taken,
              sensor: "soc",
              stale: true,
              values: [{ quantity: "temperatureCelsius", unit: "°C", value: 40 }],
            },
          ],
          heartbeats: [{ ...taken, heartbeat: "lan", proves: "network", alive: true, tookMs: 0.4 }],
        })),
      },
    };
  }
  if (page === "/readings") return { body: { ...body, series: [] } };
  return { body: page === "/events" ? { events: [] } : { alarms: [] } };
}

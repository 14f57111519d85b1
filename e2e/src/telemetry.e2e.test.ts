import { agentReading, type AgentReadings } from "@outrider/contracts/reading-report";
import type {
  LoggedEvents,
  MeasurementsPage,
  ReadingsPage,
} from "@outrider/contracts/telemetry-pages";
import { Session } from "@outrider/messaging/session";
import { eventually, within } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Deployment } from "./deployment.js";
import type { Rest } from "./fleet/rest.js";
import { watched } from "./watched.js";

const LIMIT = { withinMs: 90_000, everyMs: 200 };

describe("readings of a real agent", () => {
  let lab: Deployment;
  let ears: Session;
  let rest: Rest;
  /** By number, all that crossed the wire. */
  const batches = new Map<number, AgentReadings>();

  beforeAll(async () => {
    lab = await Deployment.start({
      rack: ["normal"],
      nodes: { n1: { rack: 1, sampling: "200ms", sensors: true } },
      gateway: true,
    });
    // A service of the site hears what agents tell services.
    const secret = await lab.identities.add("service", "boot");
    rest = await lab.rest();
    ears = new Session({ url: lab.url, clientId: "ears", ...secret });
    ears.subscribe(agentReading, {}, ({ payload }) => void batches.set(payload.seq, payload));
    ears.start();
    await ears.ready(within());
  });
  afterAll(async () => {
    await ears?.stop();
    await lab?.[Symbol.asyncDispose]();
  });
  watched(() => lab);

  const stored = async (from: string): Promise<Map<string, Record<string, number>>> => {
    const path = `/nodes/n1/readings?from=${from}&every=raw&sensor=supply`;
    const { series } = await rest.get<ReadingsPage>(path);
    const found = new Map<string, Record<string, number>>();
    for (const { quantity, points } of series) {
      for (const { at, last, count } of points) {
        expect(count).toBe(1);
        found.set(at, { ...found.get(at), [quantity]: last });
      }
    }
    return found;
  };

  /** Waits for so many batches that are newer than all before. */
  const hears = (more: number): Promise<unknown> => {
    const newest = Math.max(0, ...batches.keys());
    const isNewer = (seq: number): boolean => seq > newest;
    const heard = (): boolean => [...batches.keys()].filter(isNewer).length >= more;
    return eventually(`${more} batches after ${newest}`, heard, LIMIT);
  };
  /** Numbers after which the next one was not heard. */
  const gaps = (from: number, to: number): number[] =>
    [...batches.keys()].filter((seq) => seq >= from && seq < to && !batches.has(seq + 1));

  test("are all in the store, each once and as it was taken, whoever is killed meanwhile", async () => {
    await lab.node("n1").command("On");
    await hears(3);
    const first = Math.max(...batches.keys());
    await hears(5);
    await lab.telemetry.kill();
    await hears(5);
    await lab.telemetry.start();
    await hears(3);
    const beforeBroker = Math.max(...batches.keys());
    await lab.restartBroker();
    await hears(3);
    const afterBroker = Math.min(...[...batches.keys()].filter((seq) => seq > beforeBroker));
    await lab.telemetry.kill();
    await lab.telemetry.start();
    await lab.restartAgent();
    await hears(5);
    const last = Math.max(...batches.keys());
    // An agent that was killed leaves out the numbers that it may have used. What the telemetry service took from the
    // new broker before these ears were there is not heard, either.
    const others = (): number[] => gaps(first, last).filter((seq) => seq !== beforeBroker);
    await eventually("every batch was heard", () => others().length <= 1, LIMIT);
    const times = (seq: number): string[] =>
      (batches.get(seq)?.readings ?? []).map(({ at }) => at).toSorted();
    const [deafFrom = "", deafTo = ""] = [times(beforeBroker).at(-1), times(afterBroker)[0]];
    const numbers = [...batches.keys()].filter((seq) => seq >= first && seq <= last);
    const taken = new Map(
      numbers
        .flatMap((seq) => batches.get(seq)?.readings ?? [])
        .filter(({ endpoint, values }) => endpoint === "n1.sensor.supply" && values)
        .map(({ at, values }) => [at, values] as const),
    );
    expect(taken.size).toBeGreaterThan(30);
    const [from = ""] = [...taken.keys()].toSorted();
    const until = [...taken.keys()].toSorted().at(-1) ?? "";
    await eventually(
      "all is stored",
      async () => {
        const found = [...(await stored(from))].filter(([at]) => at <= until);
        const isUnheard = ([at]: readonly [string, unknown]): boolean =>
          at > deafFrom && at < deafTo && !taken.has(at);
        const heard = found.filter((one) => !isUnheard(one));
        expect(Object.fromEntries(heard)).toEqual(Object.fromEntries(taken));
        expect(found.some(isUnheard)).toBe(afterBroker > beforeBroker + 1);
        return true;
      },
      { ...LIMIT, everyMs: 1000 },
    );
  });

  test("have beside them outcomes of power commands, each once, also those that were told while nobody listened", async () => {
    const node = lab.node("n1");
    const from = new Date().toISOString();
    const logged = async (): Promise<readonly unknown[]> => {
      const path = `/events/history?nodes=n1&kinds=power-result&from=${from}`;
      const { events } = await rest.get<LoggedEvents>(path);
      return events.map(({ data }) => data?.["id"]).toReversed();
    };
    const has = (id: string): Promise<unknown> =>
      eventually(`${id} is in the log`, async () => (await logged()).includes(id), LIMIT);
    const heard = await node.command("ForceOff");
    await has(heard.id);
    const ids: string[] = [heard.id];
    // By the second of them the power service was asked again for all that is in the log already.
    for (const action of ["On", "ForceOff"] as const) {
      await lab.telemetry.stop();
      const { id } = await node.command(action);
      ids.push(id);
      await lab.telemetry.start();
      await has(id);
    }
    expect(await logged()).toEqual(ids);
    // The log knows an event by its id, a point by its time: that must be the same however the event was learnt.
    const points = await eventually(
      "all of them are among what is measured",
      async () => {
        const path = `/measurements/node_event?nodes=n1&of=power-result&every=raw&from=${from}`;
        const { series } = await rest.get<MeasurementsPage>(path);
        const found = series.flatMap((one) => one.points);
        return found.length >= ids.length ? found : undefined;
      },
      LIMIT,
    );
    expect(points.map(({ last }) => last)).toEqual(ids.map(() => 1));
  });
});

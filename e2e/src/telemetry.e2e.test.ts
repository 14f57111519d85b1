import { agentReading, type AgentReadings } from "@outrider/contracts/reading-report";
import type { ReadingsPage } from "@outrider/contracts/telemetry-pages";
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
    await lab.restartBroker();
    await hears(3);
    await lab.telemetry.kill();
    await lab.telemetry.start();
    await lab.restartAgent();
    await hears(5);
    const last = Math.max(...batches.keys());
    // An agent that was killed leaves out the numbers that it may have used.
    await eventually("every batch was heard", () => gaps(first, last).length <= 1, LIMIT);
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
        const found = await stored(from);
        const same = [...found].filter(([at]) => at <= until);
        expect(Object.fromEntries(same)).toEqual(Object.fromEntries(taken));
        return true;
      },
      { ...LIMIT, everyMs: 1000 },
    );
  });
});

import { connect, createServer } from "node:net";
import { once } from "node:events";
import { systemClock } from "@outrider/contracts/clock";
import type { ConsolePolicies, ConsolePolicy } from "@outrider/contracts/console";
import { nodeId } from "@outrider/contracts/ids";
import { silentLog } from "@outrider/messaging/log";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { describe, expect, test } from "vitest";
import { WayEvents } from "../state/way-events.js";
import { LoopbackDoor } from "../testing/loopback-door.js";
import { peopleUnderTest, type PeopleUnderTest } from "../testing/people-under-test.js";
import { Ways, type WayProblem } from "./ways.js";

type Ports = Pick<ConsolePolicy, "telnetPort" | "rawPort" | "rfc2217Port">;

function policies(nodes: Readonly<Record<string, Ports>>): ConsolePolicies {
  const rest = {
    agent: "rack" as never,
    driver: "serial",
    logMaxBytes: 1_000_000,
    logMaxAgeMs: 60_000,
    writerIdleMs: 0,
    sessionIdleMs: 0,
    pasteLineMs: 0,
    pasteCharacterMs: 0,
    breakSequences: {},
  };
  const entries = Object.entries(nodes).map(
    ([node, ports]) => [node, { ...rest, ...ports }] as const,
  );
  return { nodes: Object.fromEntries(entries), rules: {} };
}

interface Started extends AsyncDisposable {
  readonly ways: Ways;
  readonly told: (readonly WayProblem[])[];
  readonly events: readonly string[];
}

async function started(
  people: PeopleUnderTest,
  door: LoopbackDoor,
  declared: ConsolePolicies,
): Promise<Started> {
  const told: (readonly WayProblem[])[] = [];
  const events: string[] = [];
  const wayEvents = new WayEvents((node, { kind, severity, message }) =>
    events.push(`${node} ${kind} ${severity}: ${message}`),
  );
  const ways = new Ways({
    door,
    identity: people.identity,
    policies: declared,
    bind: "127.0.0.1",
    sshPort: 0,
    dataDirectory: people.folder,
    clock: systemClock,
    log: silentLog,
    audit: async () => undefined,
    onProblems: (problems) => {
      told.push(problems);
      wayEvents.tell(problems);
    },
  });
  await ways.start();
  return { ways, told, events, [Symbol.asyncDispose]: () => ways.stop() };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe("ways in", () => {
  test("ports are opened, moved and closed as the site declares them, and who was there is gone", async () => {
    await using people = await peopleUnderTest();
    const door = new LoopbackDoor(nodeId("n1"), nodeId("n2"));
    const [a, b, c] = [await freePort(), await freePort(), await freePort()];
    await using one = await started(
      people,
      door,
      policies({ n1: { rawPort: a, telnetPort: b }, n2: {} }),
    );
    expect(one.ways.ssh).toMatchObject({ host: "127.0.0.1" });
    expect(one.ways.ssh?.fingerprint).toMatch(/^SHA256:/);
    expect([await answers(a), await answers(b), await answers(c)]).toEqual([true, true, false]);
    const socket = connect(a, "127.0.0.1")
      .on("error", () => undefined)
      .resume();
    await eventually("somebody is there", () => door.far("n1").writer);
    one.ways.configure(policies({ n1: { telnetPort: b }, n2: { rfc2217Port: c } }));
    await eventually("they are gone", () => socket.destroyed || socket.closed);
    await eventually("the new port answers", () => answers(c));
    expect([await answers(a), await answers(b)]).toEqual([false, true]);
    expect(one.ways.problems).toEqual([]);
    await one.ways.stop();
    expect([await answers(b), await answers(c)]).toEqual([false, false]);
    expect(door.far("n1").seats).toEqual([]);
  });

  test("two nodes with one port: the one that has it keeps it, the other is a problem that can be seen", async () => {
    await using people = await peopleUnderTest();
    const door = new LoopbackDoor(nodeId("n1"), nodeId("n2"));
    const port = await freePort();
    await using one = await started(people, door, policies({ n2: { rawPort: port } }));
    one.ways.configure(policies({ n1: { rawPort: port }, n2: { rawPort: port } }));
    const [problem] = await eventually("it is seen", () => one.told.at(-1));
    expect(problem).toMatchObject({ node: "n1", way: "raw", port });
    expect(problem?.detail).toContain("declared for n2");
    one.ways.configure(policies({ n1: { rawPort: port } }));
    await eventually("n1 has it", () => one.ways.problems.length === 0);
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    await eventually("at n1", () => door.far("n1").writer);
    socket.destroy();
  });

  test("a port that another program has is a problem of that node only, and is taken once it is free", async () => {
    await using people = await peopleUnderTest();
    const door = new LoopbackDoor(nodeId("n1"), nodeId("n2"));
    const other = createServer();
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const taken = (other.address() as { port: number }).port;
    const free = await freePort();
    await using one = await started(
      people,
      door,
      policies({ n1: { rawPort: taken }, n2: { rawPort: free } }),
    );
    expect(one.ways.problems).toMatchObject([{ node: "n1", port: taken }]);
    expect(one.ways.problems[0]?.detail).toContain("in use by another program");
    expect(await answers(free)).toBe(true);
    other.close();
    await eventually("it is taken", () => one.ways.problems.length === 0);
    expect(await answers(taken)).toBe(true);
    expect(one.events).toEqual([
      expect.stringMatching(`^n1 console-port warning: raw .*${taken} is not open: .*in use`),
      expect.stringMatching(`^n1 console-port info: raw .*${taken} is open now`),
    ]);
  });
});

import { join } from "node:path";
import type { DescribedEndpoint, DesiredEndpoint } from "@outrider/contracts/agent";
import type { ConsoleLine } from "@outrider/console-link/console-line";
import { seconds, systemClock } from "@outrider/contracts/clock";
import {
  agentId,
  commandId,
  endpointId,
  nodeId,
  type InterfaceKind,
} from "@outrider/contracts/ids";
import { silentLog } from "@outrider/messaging/log";
import { eventually } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Bindings } from "../bindings.js";
import { Journal } from "../journal.js";
import { logWith } from "../log.js";
import { PowerEndpoint } from "../power-endpoint.js";
import { StartGate } from "../start-gate.js";
import { ConsoleEndpoint } from "./console-endpoint.js";
import { MemorySpools } from "./testing/memory-spool.js";
import { noPrograms } from "../testing/no-programs.js";
import { noSecrets } from "../testing/no-secrets.js";

const DRIVERS = new URL("../testing/drivers/", import.meta.url);

function desired(node: string, port: InterfaceKind, driver: string): DesiredEndpoint {
  return {
    endpoint: endpointId(node, port),
    node: nodeId(node),
    port,
    driver,
    options: {},
    restore: "None",
    dwellMs: 1000,
    sampleEveryMs: 1000,
    staleAfterMs: 10_000,
  };
}

/** Real bindings over drivers of which some are bad, in virtual time. */
describe("the consoles among the endpoints of an agent", () => {
  let dir: TempDir;
  let journal: Journal;
  let clock: VirtualClock;
  let bindings: Bindings;
  let spools: MemorySpools;
  let offered: Set<ConsoleLine>;
  let linkProblem: string | undefined;
  const defects: unknown[] = [];

  beforeEach(async () => {
    dir = await tempDir();
    journal = await Journal.open(join(dir.path, "journal.sqlite"), {
      log: "agent-a1",
      clock: systemClock,
    });
    clock = new VirtualClock();
    spools = new MemorySpools();
    offered = new Set();
    linkProblem = undefined;
    defects.length = 0;
    const defect = (error: unknown): void => void defects.push(error);
    const gate = new StartGate(clock);
    bindings = new Bindings({
      clock,
      log: logWith(silentLog, {}),
      journal,
      drivers: DRIVERS,
      gate,
      secrets: noSecrets,
      programs: noPrograms,
      memories: new Map(),
      kinds: {
        power: (parts) =>
          new PowerEndpoint(parts, {
            gate,
            guardian: { attend: () => {}, seen: () => {}, measured: () => {} },
            reporter: { observe: () => undefined },
            bootId: undefined,
            overtakes: () => {},
            defect,
          }),
        console: (parts) =>
          new ConsoleEndpoint(parts, {
            agent: agentId("a1"),
            link: {
              add: (line) => {
                offered.add(line);
                return { [Symbol.dispose]: () => void offered.delete(line) };
              },
            },
            spools,
            gate,
            linkProblem,
          }),
      },
      defect,
      changed: () => undefined,
    });
    bindings.attend();
  });

  afterEach(async () => {
    const closed = bindings.close();
    await clock.advance(seconds(30));
    await closed;
    await journal.close();
    await dir.remove();
    for (const defect of defects) throw defect;
  });

  const described = (id: string): DescribedEndpoint | undefined =>
    bindings.described().find(({ endpoint }) => endpoint === id);
  const bound = (id: string): Promise<unknown> =>
    eventually(`${id} is bound`, () => described(id)?.state === "bound");
  const lineOf = (id: string): ConsoleLine | undefined =>
    [...offered].find(({ address }) => address.endpoint === id);

  it("are opened, started and offered at once, and say what they can do", async () => {
    await bindings.apply({
      generation: 1,
      endpoints: [desired("n1", "console", "model"), desired("n1", "power", "model")],
    });
    expect(described("n1.console")).toMatchObject({
      port: "console",
      state: "bound",
      actions: ["GracefulShutdown"],
    });
    expect(lineOf("n1.console")?.condition()).toEqual({ up: true, abilities: ["break"] });
    await lineOf("n1.console")?.write(Buffer.from("hello"), new AbortController().signal);
    expect(spools.spools.get("n1.console")?.written).toEqual(["echo of hello"]);
  });

  it("say in the description what keeps them from their service, and supplies are no worse for it", async () => {
    linkProblem = "set OUTRIDER_CONSOLE_LINK_CA_FILE";
    await bindings.apply({
      generation: 1,
      endpoints: [desired("n1", "console", "model"), desired("n1", "power", "model")],
    });
    expect(described("n1.console")).toMatchObject({ state: "bound", reason: linkProblem });
    expect(described("n1.power")).toMatchObject({ state: "bound" });
    expect(described("n1.power")?.reason).toBeUndefined();
  });

  it("stay as they are when only a policy changes, and are closed when they are not wanted", async () => {
    const endpoint = desired("n1", "console", "model");
    await bindings.apply({ generation: 1, endpoints: [endpoint] });
    const line = lineOf("n1.console");
    await bindings.apply({
      generation: 2,
      endpoints: [{ ...endpoint, restore: "AlwaysOn", sampleEveryMs: 5000 }],
    });
    expect(lineOf("n1.console")).toBe(line);
    expect(spools.spools.get("n1.console")?.closed).toBe(false);
    await bindings.apply({ generation: 3, endpoints: [] });
    expect(offered.size).toBe(0);
    expect(spools.spools.get("n1.console")?.closed).toBe(true);
    expect(bindings.described()).toEqual([]);
  });

  it("are no matter to each other or to a supply when a driver hangs or throws", async () => {
    const applied = bindings.apply({
      generation: 1,
      endpoints: [
        desired("n1", "console", "hangs"),
        desired("n2", "console", "throws"),
        desired("n3", "console", "model"),
        desired("n1", "power", "model"),
      ],
    });
    await bound("n3.console");
    await bound("n1.power");
    await eventually("a defect is a failure of that one", () =>
      described("n2.console")?.reason?.includes("a defect of the driver"),
    );
    expect(bindings.generation).toBe(0);
    await clock.advance(seconds(10));
    await applied;
    expect(bindings.generation).toBe(1);
    expect(described("n1.console")).toMatchObject({ state: "failed", actions: [] });
    const line = lineOf("n1.console");
    expect(line?.condition()).toMatchObject({ up: false, abilities: [] });
    expect(line?.condition().detail).toContain("did not answer within 10000 ms");
    await expect(line?.write(Buffer.from("x"), new AbortController().signal)).rejects.toMatchObject(
      { code: "unreachable" },
    );
  });

  it("are let go in time, also by a driver that lets nothing go", async () => {
    await bindings.apply({ generation: 1, endpoints: [desired("n1", "console", "stuck")] });
    const applied = bindings.apply({
      generation: 2,
      endpoints: [desired("n2", "power", "model")],
    });
    await bound("n2.power");
    await eventually("it is being let go", () => clock.waiting > 0);
    await clock.advance(seconds(10));
    await applied;
    expect(spools.spools.get("n1.console")?.closed).toBe(true);
    expect(bindings.described().map(({ endpoint }) => endpoint)).toEqual(["n2.power"]);
  });

  it("are told nothing while they are down", async () => {
    await bindings.apply({ generation: 1, endpoints: [desired("n1", "console", "model")] });
    await lineOf("n1.console")?.write(Buffer.from("down"), new AbortController().signal);
    const outcome = await bindings.get(endpointId("n1", "console"))?.execute({
      command: {
        id: commandId("c1"),
        action: "GracefulShutdown",
        actor: "person:a",
        via: "mqtt",
      },
      activity: { what: "a test", interruptible: false, controller: new AbortController() },
      before: "On",
      recordStep: async () => {},
      startByMs: 0,
      mayStart: () => true,
      progress: () => {},
    });
    expect(outcome).toMatchObject({
      status: "Failed",
      reasonCode: "unreachable",
      nothingDone: "not-asked",
    });
  });

  it("let go of the device for somebody else, and take it back by themselves or when told", async () => {
    await bindings.apply({ generation: 1, endpoints: [desired("n1", "console", "model")] });
    const line = lineOf("n1.console");
    const { signal } = new AbortController();
    const close = { kind: "close", ms: 60_000, actor: "person:ada", reason: "flashing" } as const;
    await line?.request(close, signal);
    const until = new Date(clock.now().getTime() + 60_000).toISOString();
    expect(line?.condition()).toEqual({
      up: false,
      detail: `person:ada has closed it until ${until} (flashing); "outrider console open" takes it back`,
      abilities: [],
      closed: { actor: "person:ada", until, reason: "flashing" },
    });
    await expect(line?.write(Buffer.from("x"), signal)).rejects.toThrow(/person:ada has closed it/);
    expect(described("n1.console")).toMatchObject({ actions: ["GracefulShutdown"] });
    // A second time: so long from now.
    await clock.advance(seconds(50));
    await line?.request({ ...close, reason: undefined }, signal);
    await clock.advance(seconds(50));
    expect(line?.condition()).toMatchObject({ up: false, closed: { actor: "person:ada" } });
    await clock.advance(seconds(10));
    await eventually("it is back", () => line?.condition().up);
    expect(line?.condition()).toEqual({ up: true, abilities: ["break"] });
    await line?.request(close, signal);
    await line?.request({ kind: "open" }, signal);
    expect(line?.condition().up).toBe(true);
    await line?.write(Buffer.from("hello"), signal);
    // What was said meanwhile is missing, and the log says so.
    const gap = expect.objectContaining({ reason: "disconnected", lost: undefined });
    expect(spools.spools.get("n1.console")?.written).toEqual([gap, gap, "echo of hello"]);
    await line?.request(close, signal);
    await bindings.apply({ generation: 2, endpoints: [] });
    await clock.advance(seconds(120));
    expect(clock.waiting).toBe(0);
  });

  it("tell the link at each change, once", async () => {
    await bindings.apply({ generation: 1, endpoints: [desired("n1", "console", "model")] });
    const said: unknown[] = [];
    const line = lineOf("n1.console");
    line?.onCondition((condition) => void said.push(condition));
    const { signal } = new AbortController();
    await line?.write(Buffer.from("down"), signal);
    await line?.write(Buffer.from("down"), signal);
    spools.spools.get("n1.console")?.fail("the disk is full");
    await line?.write(Buffer.from("up"), signal);
    expect(said).toEqual([
      { up: false, detail: "down", abilities: ["break"] },
      { up: false, detail: "down", abilities: ["break"], spoolProblem: "the disk is full" },
      { up: true, abilities: ["break"], spoolProblem: "the disk is full" },
    ]);
  });
});

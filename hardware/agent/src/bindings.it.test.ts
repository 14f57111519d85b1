import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { seconds, systemClock } from "@outrider/contracts/clock";
import type { DesiredEndpoint } from "@outrider/contracts/agent";
import { endpointId, nodeId } from "@outrider/contracts/ids";
import { silentLog } from "@outrider/messaging/log";
import { eventually } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Bindings } from "./bindings.js";
import { Journal } from "./journal.js";
import { logWith } from "./log.js";
import { PowerEndpoint } from "./power-endpoint.js";
import { SecretStore } from "./secret-store.js";
import { StartGate } from "./start-gate.js";
import { UnknownEndpoint } from "./unknown-endpoint.js";
import { noPrograms } from "./testing/no-programs.js";
import { noSecrets } from "./testing/no-secrets.js";
import { SecretEndpoint } from "./testing/secret-endpoint.js";

const endpoint = endpointId("n1", "power");
const desired: DesiredEndpoint = {
  endpoint,
  node: nodeId("n1"),
  port: "power",
  driver: "simulated",
  options: { no: "such option" },
  restore: "None",
  dwellMs: 1000,
  sampleEveryMs: 1000,
  staleAfterMs: 10_000,
  domain: "psu",
  runningWatts: 8,
};
const domains = [{ domain: "psu", startSpacingMs: 0, startDurationMs: 0, wattBudget: 100 }];

describe("the endpoints of a configuration", () => {
  let dir: TempDir;
  let journal: Journal;

  beforeEach(async () => {
    dir = await tempDir();
    journal = await Journal.open(join(dir.path, "journal.sqlite"), {
      log: "agent-a1",
      clock: systemClock,
    });
  });

  afterEach(async () => {
    await journal.close();
    await dir.remove();
  });

  it("of a port that this agent does not know are shown as failed, and say what to do", async () => {
    const gate = new StartGate(systemClock);
    const unwanted = (): never => {
      throw new Error("nothing of the kind is wanted");
    };
    const bindings = new Bindings({
      clock: systemClock,
      log: logWith(silentLog, {}),
      journal,
      gate,
      secrets: noSecrets,
      programs: noPrograms,
      memories: new Map(),
      kinds: { power: unwanted, console: unwanted },
      defect: unwanted,
      changed: () => undefined,
    });
    const reset = endpointId("n1", "reset");
    await bindings.apply({
      generation: 1,
      endpoints: [{ ...desired, endpoint: reset, port: "reset" }],
    });
    const [described] = bindings.described();
    expect(described).toMatchObject({ endpoint: reset, state: "failed", actions: [] });
    expect(described?.reason).toContain("Update the agent");
    await bindings.close();
  });

  it("forget in the journal what was measured when their draw is declared anew, and nothing else", async () => {
    await journal.remember(endpoint, { attempts: 1, runningWatts: 18, startingWatts: 20 });
    const defect = (error: unknown): never => {
      throw error;
    };
    const gate = new StartGate(systemClock);
    const bindings = new Bindings({
      clock: systemClock,
      log: logWith(silentLog, {}),
      journal,
      gate,
      secrets: noSecrets,
      programs: noPrograms,
      memories: await journal.memories(),
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
        console: (parts) => new UnknownEndpoint(parts),
      },
      defect,
      changed: () => undefined,
    });
    const remembered = async () => (await journal.memories()).get(endpoint);
    await bindings.apply({ generation: 1, endpoints: [desired], domains });
    await bindings.apply({
      generation: 2,
      endpoints: [{ ...desired, restore: "AlwaysOn" }],
      domains,
    });
    expect(await remembered()).toMatchObject({ runningWatts: 18, startingWatts: 20 });
    await bindings.apply({
      generation: 3,
      endpoints: [{ ...desired, runningWatts: 9 }],
      domains,
    });
    expect(await remembered()).toMatchObject({
      attempts: 1,
      runningWatts: undefined,
      startingWatts: undefined,
    });
    expect(bindings.get(endpoint)?.memory).toMatchObject({ attempts: 1, runningWatts: undefined });
    await bindings.close();
  });

  describe("whose secret lies on the host", () => {
    const id = endpointId("n1", "reset");
    let clock: VirtualClock;
    let bindings: Bindings;
    let file: string;
    const signal = AbortSignal.timeout(60_000);
    const open = (): string | undefined => (bindings.get(id) as SecretEndpoint).secret;

    beforeEach(async () => {
      const secrets = join(dir.path, "secrets");
      await mkdir(secrets);
      file = join(secrets, "poe");
      clock = new VirtualClock();
      bindings = new Bindings({
        clock,
        log: logWith(silentLog, {}),
        journal,
        gate: new StartGate(clock),
        secrets: new SecretStore([secrets], {}, []).resolve,
        programs: noPrograms,
        memories: new Map(),
        kinds: { reset: (parts) => new SecretEndpoint(parts) },
        defect: (error) => {
          throw error;
        },
        changed: () => undefined,
      });
      bindings.attend();
    });

    afterEach(() => bindings.close());

    const apply = (generation: number): Promise<void> =>
      bindings.apply({
        generation,
        endpoints: [
          {
            ...desired,
            endpoint: id,
            port: "reset",
            options: { secret: { file } },
            restore: "None",
          },
        ],
      });

    it("are opened within a minute after it was put there, and not by a restart only", async () => {
      await apply(1);
      expect(bindings.described()[0]?.reason).toContain("There is no such file");
      await writeFile(file, "hunter2");
      await clock.advance(seconds(59));
      expect(bindings.described()[0]?.state).toBe("failed");
      await clock.advance(seconds(1));
      await eventually("it is open", () => open() === "hunter2");
      expect(bindings.described()[0]).toMatchObject({ state: "bound" });
    });

    it("are opened at once where somebody asks, and say again what is missing until then", async () => {
      await apply(1);
      await rm(join(dir.path, "secrets"), { recursive: true });
      const missing = await bindings.triedAgain(id, signal);
      expect(missing?.failure).toContain("There is no such file");
      await mkdir(join(dir.path, "secrets"));
      await writeFile(file, "");
      expect((await bindings.triedAgain(id, signal))?.failure).toContain("is empty");
      await writeFile(file, "hunter2");
      expect((await bindings.triedAgain(id, signal))?.failure).toBeUndefined();
      expect(open()).toBe("hunter2");
    });

    it("are opened with another one within a minute, or at once where somebody asks", async () => {
      await writeFile(file, "first");
      await apply(1);
      const first = bindings.get(id);
      await clock.advance(seconds(60));
      expect(await bindings.triedAgain(id, signal)).toBe(first);
      await writeFile(file, "second");
      await clock.advance(seconds(60));
      await eventually("it has the second", () => open() === "second");
      await writeFile(file, "third");
      expect(await bindings.triedAgain(id, signal)).not.toBe(first);
      expect(open()).toBe("third");
    });

    it("go on with what they were opened with while it is away", async () => {
      await writeFile(file, "first");
      await apply(1);
      const first = bindings.get(id);
      await rm(file);
      await clock.advance(seconds(120));
      expect(await bindings.triedAgain(id, signal)).toBe(first);
      expect(open()).toBe("first");
    });

    it("are waited for no longer than until they are gone", async () => {
      await apply(1);
      const asked = bindings.triedAgain(id, signal);
      await bindings.apply({ generation: 2, endpoints: [] });
      await asked;
      expect(await bindings.triedAgain(id, signal)).toBeUndefined();
    });
  });
});

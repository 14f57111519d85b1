import { join } from "node:path";
import { systemClock } from "@outrider/contracts/clock";
import type { DesiredEndpoint } from "@outrider/contracts/agent";
import { endpointId, nodeId } from "@outrider/contracts/ids";
import { silentLog } from "@outrider/messaging/log";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Bindings } from "./bindings.js";
import { Journal } from "./journal.js";
import { logWith } from "./log.js";
import { PowerEndpoint } from "./power-endpoint.js";
import { StartGate } from "./start-gate.js";
import { UnknownEndpoint } from "./unknown-endpoint.js";
import { noPrograms } from "./testing/no-programs.js";
import { noSecrets } from "./testing/no-secrets.js";

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
});

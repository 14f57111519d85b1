import { join } from "node:path";
import { agentId, commandId, endpointId, nodeId, type CommandId } from "@outrider/contracts/ids";
import type { PowerResult } from "@outrider/contracts/power";
import { silentLog } from "@outrider/messaging/log";
import type { Session } from "@outrider/messaging/session";
import { openStorage } from "@outrider/storage/open-storage";
import type { Statement, StatementResult, Storage } from "@outrider/storage/storage";
import { StorageError } from "@outrider/storage/storage-error";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Acceptance, type Carrier } from "./acceptance.js";
import { Interlocks } from "./interlocks.js";
import { Journal, MIGRATIONS } from "./journal.js";
import { Locks } from "./locks.js";
import { Nodes } from "./nodes.js";
import { Policies } from "./policies.js";
import { Results } from "./results.js";
import type { Run } from "./run-state.js";
import type { Starts } from "./starts.js";

const node = nodeId("n1");
const asked = { node, actor: "person:ada", via: "rest", wasRetained: false } as const;

/** What the disk does with a write: takes it and says so, or fails before or after it has taken it. */
type Disk = "works" | "fails" | "fails-after";

/** A store whose disk can be told to fail. */
function failingStore(storage: Storage) {
  const failed = (code: "io" | "unknown") => Promise.reject(new StorageError(code, "EIO"));
  const script: Disk[] = [];
  const store = {
    script,
    code: "io" as "io" | "unknown",
    readable: true,
    async write(statements: readonly Statement[]): Promise<StatementResult[]> {
      const disk = script.shift() ?? "works";
      if (disk === "fails") return failed(store.code);
      const results = await storage.write(statements);
      return disk === "works" ? results : failed(store.code);
    },
    get: (...query: Parameters<Storage["get"]>) =>
      store.readable ? storage.get(...query) : failed("io"),
  };
  return store;
}

/** Nothing has to wait for its start. */
const atOnce: Starts = {
  follow: () => undefined,
  request: () => undefined,
  hold: () => undefined,
  ended: () => undefined,
  withdraw: () => undefined,
  refusal: () => undefined,
};

describe("a command that the disk may not have taken", () => {
  let folder: TempDir;
  let storage: Storage;
  let store: ReturnType<typeof failingStore>;
  let acceptance: Acceptance;
  let told: PowerResult[];
  let carried: Run[];
  let ask: (id?: CommandId) => Promise<void>;

  beforeEach(async () => {
    folder = await tempDir();
    storage = await openStorage({
      file: join(folder.path, "power.sqlite"),
      migrations: { namespace: "power", steps: MIGRATIONS },
    });
    store = failingStore(storage);
    [told, carried] = [[], []];
    const clock = new VirtualClock();
    const nodes = new Nodes();
    const policies = new Policies();
    nodes.describe(node, {
      id: node,
      name: "One",
      roles: [],
      labels: {},
      supportedActions: [],
      gracefulLimitMs: 1000,
      interfaces: {
        power: [{ agent: agentId("a1"), endpoint: endpointId(node, "power"), driver: "simulated" }],
      },
    });
    nodes.agentStatus(agentId("a1"), {
      state: "ready",
      epoch: "e",
      version: "1",
      startedAt: "2026-01-01T00:00:00.000Z",
    });
    nodes.agentDescription(agentId("a1"), {
      epoch: "e",
      generation: 1,
      drivers: [],
      fences: {},
      endpoints: [
        {
          endpoint: endpointId(node, "power"),
          node,
          port: "power",
          driver: "simulated",
          state: "bound",
          actions: ["On", "ForceOff"],
        },
      ],
    });
    const session = {
      publish: (_contract: unknown, _parameters: unknown, result: PowerResult) => {
        told.push(result);
        return Promise.resolve();
      },
    } as unknown as Session;
    const carrier: Carrier = {
      active: () => undefined,
      supersede: () => Promise.resolve(),
      world: () => ({
        capabilities: nodes.capabilities(node),
        supply: "On",
        now: "2026-01-01T00:00:00.000Z",
        envelope: () => undefined,
      }),
      carry: (run) => void carried.push(run),
    };
    acceptance = new Acceptance({
      clock,
      log: silentLog,
      journal: new Journal(store as unknown as Storage),
      nodes,
      results: new Results(session, clock, silentLog),
      locks: new Locks(clock, { onDisconnect: () => () => undefined }),
      interlocks: new Interlocks(clock, nodes, policies),
      starts: atOnce,
      carrier,
      changed: () => undefined,
    });
    const arrivedMs = clock.monotonicMs();
    ask = (id) => {
      const set = { action: "ForceOff" as const, ...(id === undefined ? {} : { id }) };
      return acceptance.take({ ...asked, set, arrivedMs });
    };
  });
  afterEach(async () => {
    await storage.close();
    await folder.remove();
  });

  it.each([undefined, commandId("c1")])(
    "is carried out where it stands in the journal (id %s)",
    async (id) => {
      store.script.push("fails-after");
      await ask(id);
      expect(told.map(({ status }) => status)).toEqual(["Accepted"]);
      expect(carried).toHaveLength(1);
    },
  );

  it.each([undefined, commandId("c1")])(
    "is denied where it does not, once the journal can be written (id %s)",
    async (id) => {
      store.script.push("fails");
      await ask(id);
      expect(told).toMatchObject([{ status: "Rejected", reasonCode: "storage-failed" }]);
      expect(carried).toEqual([]);
      expect(await storage.all("SELECT * FROM power_answer")).toHaveLength(1);
      expect(await storage.all("SELECT * FROM power_run")).toEqual([]);
    },
  );

  it("is neither denied nor begun where nobody can look, and the process ends", async () => {
    store.script.push("fails-after");
    store.readable = false;
    await expect(ask()).rejects.toMatchObject({ code: "io" });
    expect([told, carried]).toEqual([[], []]);
  });

  it("is not denied while the journal cannot be written: a commit may turn up after a crash", async () => {
    store.script.push("fails", "fails");
    await expect(ask()).rejects.toMatchObject({ code: "io" });
    expect([told, carried]).toEqual([[], []]);
  });

  it("is not denied where the server was lost in the middle of the commit", async () => {
    store.script.push("fails-after");
    store.code = "unknown";
    await expect(ask()).rejects.toMatchObject({ code: "unknown" });
    expect([told, carried]).toEqual([[], []]);
  });
});

import { Injectable, Module } from "@nestjs/common";
import { AnyObject, Integer, Text } from "@outrider/contracts/decorators";
import { mintCommandId } from "@outrider/messaging/mint-id";
import { serviceStatus } from "@outrider/contracts/service";
import {
  operation,
  serviceDescription,
  type ServiceDescription,
} from "@outrider/contracts/service-plane";
import { RequestClient } from "@outrider/messaging/request-client";
import { RequestError } from "@outrider/messaging/request-error";
import { Session } from "@outrider/messaging/session";
import { isStorageError } from "@outrider/storage/storage-error";
import { brokerKinds, startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { startCuttingProxy } from "@outrider/testing/cutting-proxy";
import { eventually, within } from "@outrider/testing/eventually";
import { hasMosquittoClients, mosquittoPub } from "@outrider/testing/mqtt-cli";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OnRequest, type Asked } from "./on-request.js";
import { startService, type RunningService } from "./service.js";

class Ask {
  @Text(20) word!: string;
  /** Characters of the answer. */
  @Integer(0, 1_000_000) length!: number;
}
class Told {
  @Text(2_000_000) text!: string;
  @Integer(0) calls!: number;
}
class Loose {
  @AnyObject() anything!: Record<string, unknown>;
}
const echo = operation("boot", "echo", { request: Ask, reply: Told, summary: "For this test." });
const slow = operation("boot", "slow", { request: Ask, reply: Told, summary: "For this test." });
const defective = operation("boot", "defective", { request: Ask, reply: Told, summary: "Breaks." });
const untold = operation("boot", "untold", { request: Loose, reply: Told, summary: "Unknown." });
const loose = operation("boot", "echo", { request: Loose, reply: Told, summary: "Misused." });

@Injectable()
class Answers {
  calls = 0;
  readonly released = Promise.withResolvers<void>();

  @OnRequest(echo)
  echo({ body }: Asked<Ask>): Told {
    this.calls += 1;
    if (body.word === "conflict") throw new RequestError("conflict", "it is so", { field: "word" });
    return { text: body.word.padEnd(body.length, "x"), calls: this.calls };
  }

  @OnRequest(slow)
  async slow({ body }: Asked<Ask>): Promise<Told> {
    this.calls += 1;
    await this.released.promise;
    return { text: body.word, calls: this.calls };
  }

  @OnRequest(defective)
  defective({ body }: Asked<Ask>): Told {
    throw new TypeError(`a programming error with ${body.word}`);
  }
}

@Module({ providers: [Answers] })
class TestModule {}

const AS = { actor: "person:ann", via: "rest" } as const;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

describe.each(brokerKinds())("a service and those who ask it, on %s", (kind) => {
  let stack: AsyncDisposableStack;
  let broker: TestBroker;
  let data: TempDir;
  let service: RunningService;
  const defects: unknown[] = [];

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    defects.length = 0;
    broker = stack.use(await startTestBroker({ kind }));
    data = stack.use(await tempDir());
    service = await start();
  });
  afterEach(() => stack.disposeAsync());

  async function start(): Promise<RunningService> {
    const running = await startService({
      name: "boot",
      version: "1.2.3",
      module: TestModule,
      mqtt: { url: broker.url },
      dataDirectory: data.path,
      log: quiet,
      defect: (error) => defects.push(error),
    });
    stack.defer(() => running.stop());
    await running.session.ready(within());
    return running;
  }

  async function client(url = broker.url): Promise<{ session: Session; asks: RequestClient }> {
    const session = new Session({ url, clientId: `asker-${mintCommandId()}` });
    stack.defer(() => session.stop());
    const asks = new RequestClient(session, "gateway");
    session.start();
    await asks.ready(within());
    return { session, asks };
  }

  const codeOf = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => "answered",
      (error: unknown) => {
        if (error instanceof RequestError) return error.code;
        throw error;
      },
    );

  it("each of two clients gets its own answers", async () => {
    const [a, b] = [await client(), await client()];
    const words = Array.from({ length: 20 }, (_, n) => `w${n}`);
    const told = await Promise.all(
      words.map((word, n) => (n % 2 ? a : b).asks.ask(echo, { word, length: 0 }, AS)),
    );
    expect(told.map(({ text }) => text)).toEqual(words);
    expect(new Set(told.map(({ calls }) => calls)).size).toBe(20);
  });

  it("says what it will not do, and why", async () => {
    const { asks } = await client();
    const ask = (word: string, length = 0) => asks.ask(echo, { word, length }, AS);
    expect(await codeOf(ask("conflict"))).toBe("conflict");
    await expect(ask("conflict")).rejects.toMatchObject({ field: "word", message: "it is so" });
    expect(await codeOf(ask("big", 70_000))).toBe("too-large");
    expect(await codeOf(asks.ask(untold, { anything: {} }, AS))).toBe("not-found");
    // Refused by the service, since this client believes the operation to take anything.
    expect(await codeOf(asks.ask(loose, { anything: {} }, AS))).toBe("invalid");
    expect(await codeOf(ask("x".repeat(21)))).toBe("invalid");
    expect(await codeOf(asks.ask(untold, { anything: { text: "x".repeat(65_000) } }, AS))).toBe(
      "too-large",
    );
    expect(defects).toEqual([]);
  });

  it("a defect is told as one to whoever asked and to the process", async () => {
    const { asks } = await client();
    expect(await codeOf(asks.ask(defective, { word: "w", length: 0 }, AS))).toBe("internal");
    expect(defects).toEqual([expect.any(TypeError)]);
  });

  it("a slow answer keeps nobody waiting, and is not waited for without end", async () => {
    const { asks } = await client();
    const late = codeOf(asks.ask(slow, { word: "a", length: 0 }, { ...AS, withinMs: 300 }));
    const waiting = asks.ask(slow, { word: "b", length: 0 }, AS);
    expect(await codeOf(asks.ask(echo, { word: "c", length: 0 }, AS))).toBe("answered");
    expect(await late).toBe("timed-out");
    service.context.get(Answers).released.resolve();
    expect((await waiting).text).toBe("b");
  });

  it("whoever stops waiting is told why by its own signal", async () => {
    const { asks } = await client();
    const controller = new AbortController();
    const asked = asks.ask(slow, { word: "a", length: 0 }, { ...AS, signal: controller.signal });
    const reason = new Error("gone");
    controller.abort(reason);
    await expect(asked).rejects.toBe(reason);
  });

  it("when the connection is cut in the middle, the outcome is said to be unknown, and asking works again", async () => {
    await using proxy = await startCuttingProxy(broker.port);
    const { asks } = await client(proxy.url);
    const answers = service.context.get(Answers);
    const asked = codeOf(asks.ask(slow, { word: "a", length: 0 }, AS));
    await eventually("it is begun", () => answers.calls === 1);
    proxy.reset();
    expect(await asked).toBe("timed-out");
    answers.released.resolve();
    expect(await codeOf(asks.ask(echo, { word: "b", length: 0 }, AS))).toBe("answered");
  });

  it.skipIf(!hasMosquittoClients())(
    "drops a request that was published to be kept (P2)",
    async () => {
      const { asks } = await client();
      const request = {
        id: mintCommandId(),
        client: "somebody",
        ...AS,
        ttlMs: 10_000,
        body: { word: "kept", length: 0 },
      };
      const topic = "outrider/v1/service/boot/request/echo";
      await mosquittoPub(topic, JSON.stringify(request), { port: broker.port, retain: true });
      await service.stop();
      const again = await start();
      await asks.ask(echo, { word: "after", length: 0 }, AS);
      expect(again.context.get(Answers).calls).toBe(1);
    },
  );

  it("tells its health and its measures to whoever has the token of its description", async () => {
    const { session, asks } = await client();
    await asks.ask(echo, { word: "w", length: 0 }, AS);
    await codeOf(asks.ask(untold, { anything: {} }, AS));
    let description: ServiceDescription | undefined;
    session.subscribe(serviceDescription, { service: "boot" }, ({ payload }) => {
      description = payload;
    });
    const { listener, operations } = await eventually("it describes itself", () => description);
    expect(operations).toEqual(["defective", "echo", "slow"]);
    const get = (path: string, token = listener?.token): Promise<Response> =>
      fetch(`${listener?.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    expect((await get("/health", "wrong")).status).toBe(401);
    expect((await get("/else")).status).toBe(404);
    const health = await get("/health");
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({
      service: "boot",
      version: "1.2.3",
      state: "ready",
      reasons: [],
      brokerConnected: true,
    });
    const metrics = await (await get("/metrics")).text();
    expect(metrics).toMatch(/^outrider_requests_total\{operation="echo",outcome="ok"\} 1$/m);
    expect(metrics).toMatch(
      /^outrider_requests_total\{operation="unknown",outcome="not-found"\} 1$/m,
    );
    expect(metrics).toMatch(/^outrider_broker_connected 1$/m);
    expect(metrics).toMatch(/^process_resident_memory_bytes \d+$/m);
    await service.stop();
    await expect(get("/health")).rejects.toThrow("fetch failed");
  });

  it("says on the bus that it is degraded when its process stood still, and when it is ready again", async () => {
    const { session } = await client();
    const states: string[] = [];
    session.subscribe(serviceStatus, { service: "boot" }, ({ payload: { state } }) => {
      if (states.at(-1) !== state) states.push(state);
    });
    await eventually("its state is seen", () => states.length > 0);
    // The whole process of this test stands still, as under SIGSTOP.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
    await eventually("it says so", () => states.at(-1) === "degraded");
    await eventually("it is over", () => states.at(-1) === "ready");
    expect(states).toEqual(["ready", "degraded", "ready"]);
  });

  it("is ready for others once it is, says when it stops, and a start that fails leaves nothing behind", async () => {
    const { session } = await client();
    const states: string[] = [];
    session.subscribe(serviceStatus, { service: "boot" }, ({ payload: { state } }) => {
      states.push(state);
    });
    await eventually("its state is seen", () => states.length > 0);
    await service.stop();
    await eventually("it says good-bye", () => states.at(-1) === "stopping");
    const failing = startService({
      name: "boot",
      version: "1",
      module: { build: () => Promise.reject(new Error("no module")) },
      mqtt: { url: broker.url },
      dataDirectory: data.path,
      log: quiet,
    });
    await expect(failing).rejects.toThrow("no module");
    await start();
    const held = await start().catch((error: unknown) => error);
    expect(isStorageError(held, "held")).toBe(true);
  });
});

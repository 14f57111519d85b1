import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { describe, expect, it } from "vitest";
import type { BrokerStats } from "./broker.js";
import type { BrokerLimits } from "./limits.js";
import {
  connect,
  eventually,
  hasMosquitto,
  mosquittoArguments,
  run,
  type LogLine,
  type TestClient,
} from "./testing/support.js";

const PUBLISHERS = 150;
const PAYLOAD = Buffer.alloc(20_000, "x");
const EVERY = milliseconds(250);
const PAIRS = 40;

const SET = "outrider/v1/node/n1/power/set";
const RESULT = "outrider/v1/node/n1/power/result";
const MARK = "outrider/v1/service/power/status";

interface Answer {
  readonly stats: BrokerStats;
  readonly lines: readonly LogLine[];
}

/** A broker, 150 publishers that fill whoever subscribes to them, and a pair that asks and answers. */
class Rush implements AsyncDisposable {
  readonly port: number;
  readonly #broker: ChildProcess;
  readonly #stop = new AbortController();
  readonly #publishers: TestClient[] = [];
  readonly #asker: TestClient;
  readonly #answerer: TestClient;
  #loops: Promise<unknown> = Promise.resolve();

  private constructor(broker: ChildProcess, port: number, pair: readonly [TestClient, TestClient]) {
    this.#broker = broker;
    this.port = port;
    [this.#asker, this.#answerer] = pair;
  }

  static async start(limits: Partial<BrokerLimits> = {}): Promise<Rush> {
    const program = new URL("./testing/broker-program.js", import.meta.url);
    const broker = fork(program, [JSON.stringify(limits)]);
    const [{ port }] = (await once(broker, "message")) as [{ port: number }];
    const asker = await connect(port, "alice");
    const answerer = await connect(port, "service:power");
    await answerer.mqtt.subscribeAsync(SET, { qos: 1 });
    answerer.mqtt.on("message", (_, payload) => {
      answerer.mqtt.publish(RESULT, payload, { qos: 1 });
    });
    await asker.mqtt.subscribeAsync(RESULT, { qos: 1 });
    return new Rush(broker, port, [asker, answerer]);
  }

  async publish(qos: 0 | 1): Promise<void> {
    const names = Array.from({ length: PUBLISHERS }, (_, index) => `p-${index}`);
    this.#publishers.push(
      ...(await Promise.all(names.map((name) => connect(this.port, `agent:${name}`)))),
    );
    this.#loops = Promise.all(
      this.#publishers.map(async ({ mqtt }, index) => {
        while (!this.#stop.signal.aborted && mqtt.connected) {
          await mqtt
            .publishAsync(`outrider/v1/agent/p-${index}/description`, PAYLOAD, { qos })
            .catch(() => {});
          await systemClock.sleep(EVERY);
        }
      }),
    );
  }

  /** Asks and is answered many times in a row. @returns the longest that one took, in milliseconds */
  async askAndAnswer(): Promise<number> {
    let longestMs = 0;
    for (let round = 0; round < PAIRS; round++) {
      const question = `${round}-${performance.now()}`;
      const sentMs = performance.now();
      await this.#asker.mqtt.publishAsync(SET, question, { qos: 1 });
      await eventually(`the answer to ${question}`, () =>
        this.#asker.messages.some((one) => one.text === question),
      );
      longestMs = Math.max(longestMs, performance.now() - sentMs);
    }
    return longestMs;
  }

  async ask(): Promise<Answer> {
    this.#broker.send("stats");
    const [answer] = (await once(this.#broker, "message")) as [Answer];
    return answer;
  }

  /** Publishes a mark that only a reader that reads can see. */
  async mark(): Promise<void> {
    await this.#answerer.mqtt.publishAsync(MARK, "mark", { qos: 1 });
  }

  reader(qos: 0 | 1) {
    return run(
      "mosquitto_sub",
      mosquittoArguments(
        this.port,
        "bob",
        "-i",
        "bob",
        "-q",
        `${qos}`,
        "-t",
        "outrider/v1/#",
        "-F",
        "%t",
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const { mqtt } of [...this.#publishers, this.#asker, this.#answerer]) mqtt.end(true);
    await this.#loops;
    const gone = once(this.#broker, "exit");
    this.#broker.kill("SIGKILL");
    await gone;
  }
}

const frozenClients = async (rush: Rush): Promise<number> => {
  const { stats } = await rush.ask();
  return stats.shed.episodes;
};

describe.skipIf(!hasMosquitto())("a frozen mosquitto_sub among 150 publishers of 20 kB", () => {
  it.each([0, 1] as const)("stops nobody: every question is answered (QoS %i)", async (qos) => {
    // Nothing but the bytes that wait may end it, so that a broker that makes others wait does so for good.
    await using rush = await Rush.start({ cutAfterMs: 600_000 });
    await using reader = rush.reader(qos);
    await eventually("the reader", async () => (await rush.ask()).stats.clients === 3);
    await rush.publish(qos);
    const before = await rush.askAndAnswer();
    reader.child.kill("SIGSTOP");
    await eventually("its buffers to be full", async () => (await frozenClients(rush)) > 0);
    const during = await rush.askAndAnswer();
    if (qos === 1) {
      await eventually("its end", async () => (await rush.ask()).stats.cut["too-far-behind"] === 1);
    }
    const after = await rush.askAndAnswer();
    const { stats, lines } = await rush.ask();
    if (qos === 0) expect(stats.shed.messages).toBeGreaterThan(0);
    expect(stats.clients).toBe(PUBLISHERS + 2 + (qos === 0 ? 1 : 0));
    const said = lines.filter((one) => one["name"] === "person:bob" && one.level === "warn");
    expect(said).toHaveLength(stats.shed.episodes + qos);
    const round = (ms: number): string => ms.toFixed(1);
    process.stdout.write(
      `figure: largest question-to-answer delay, QoS ${qos}: ${round(before)} ms before, ${round(during)} ms beside a frozen reader, ${round(after)} ms after\n`,
    );
  });

  it("lets nobody wait: what is published to it is done at once", async () => {
    await using rush = await Rush.start({ cutAfterMs: 600_000, cutAboveBytes: 1024 ** 3 });
    await using reader = rush.reader(1);
    await eventually("the reader", async () => (await rush.ask()).stats.clients === 3);
    reader.child.kill("SIGSTOP");
    const agent = await connect(rush.port, "agent:rack-a");
    const publish = (qos: 1 | 2): Promise<unknown> =>
      agent.mqtt.publishAsync("outrider/v1/agent/rack-a/description", PAYLOAD, { qos });
    await eventually("its buffers to be full", async () => {
      for (let i = 0; i < 50; i++) await publish(1);
      return (await frozenClients(rush)) > 0;
    });
    // Of all levels QoS 2 alone is acknowledged after delivery.
    let done = 0;
    for (let i = 0; i < 10; i++) void publish(2).then(() => done++);
    await eventually("the acknowledgements", () => done === 10);
    agent.mqtt.end(true);
  });

  it("gets QoS 0 again once it reads again", async () => {
    await using rush = await Rush.start();
    await using reader = rush.reader(0);
    await eventually("the reader", async () => (await rush.ask()).stats.clients === 3);
    await rush.publish(0);
    reader.child.kill("SIGSTOP");
    await eventually("shedding", async () => (await rush.ask()).stats.shed.messages > 100);
    reader.child.kill("SIGCONT");
    await eventually("a mark that it reads", async () => {
      await rush.mark();
      return reader.out().includes(MARK);
    });
    await eventually("the end of the episode", async () =>
      (await rush.ask()).lines.some((one) => one.message === "a client reads again"),
    );
  });

  it("is cut when it takes nothing for long, though only QoS 0 comes to it", async () => {
    await using rush = await Rush.start({ cutAfterMs: 1000 });
    await using reader = rush.reader(0);
    await eventually("the reader", async () => (await rush.ask()).stats.clients === 3);
    await rush.publish(0);
    reader.child.kill("SIGSTOP");
    await eventually("its end", async () => (await rush.ask()).stats.cut.stalled === 1);
    await rush.askAndAnswer();
  });

  it("is cut first when all that waits is too much", async () => {
    await using rush = await Rush.start({
      shedAboveBytes: 64 * 1024 * 1024,
      cutAboveBytes: 128 * 1024 * 1024,
      maxWaitingBytes: 8 * 1024 * 1024,
    });
    await using reader = rush.reader(0);
    await eventually("the reader", async () => (await rush.ask()).stats.clients === 3);
    await rush.publish(0);
    reader.child.kill("SIGSTOP");
    await eventually("its end", async () => (await rush.ask()).stats.cut.memory === 1);
    expect((await rush.ask()).stats.clients).toBe(PUBLISHERS + 2);
  });
});

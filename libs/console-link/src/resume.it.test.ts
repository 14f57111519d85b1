import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { eventually } from "@outrider/testing/eventually";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeAgent, startService } from "./testing/link-pair.js";
import { MemoryLine } from "./testing/memory-line.js";
import { Recorder } from "./testing/recorder.js";

/** A way that breaks at chosen bytes: each connection carries so many up and down before it is reset. */
class BreakingWay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  connections = 0;

  constructor(
    target: number,
    readonly breaks: readonly { readonly up: number; readonly down: number }[],
  ) {
    this.#server = createServer({ noDelay: true }, (agent) => {
      const limits = this.breaks[this.connections++];
      const service = connect({ host: "127.0.0.1", port: target, noDelay: true });
      this.#join(agent, service, limits?.up);
      this.#join(service, agent, limits?.down);
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(from: Socket, to: Socket, limit = Number.POSITIVE_INFINITY): void {
    let left = limit;
    this.#sockets.add(from);
    from.on("error", () => undefined);
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.on("data", (chunk: Buffer) => {
      const passed = chunk.subarray(0, left);
      left -= passed.length;
      to.write(passed, () => {
        if (left > 0) return;
        from.resetAndDestroy();
        to.destroySoon();
      });
    });
  }
}

let service: Awaited<ReturnType<typeof startService>>;
let recorder: Recorder;

beforeAll(async () => {
  service = await startService(new Recorder(), { onConsole: (console) => recorder.take(console) });
});
afterAll(() => service.server.close());

test("wherever connections break, each item comes once and in order (P8)", async () => {
  const place = fc.record({
    up: fc.integer({ min: 1, max: 60_000 }),
    down: fc.integer({ min: 1, max: 400 }),
  });
  const said = fc.array(
    fc.oneof(
      fc.integer({ min: 1, max: 6000 }),
      fc.constantFrom("break", "overrun", "agent-down" as const),
    ),
    { minLength: 5, maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(place, { maxLength: 5 }), said, async (breaks, items) => {
      recorder = new Recorder();
      const way = new BreakingWay(service.port, breaks);
      const agent = makeAgent(await way.listen());
      const line = new MemoryLine();
      agent.add(line);
      agent.start();
      for (const [at, item] of items.entries()) {
        if (typeof item === "number") line.source.append(Buffer.alloc(item, at));
        else if (item === "break") line.source.break();
        else if (item === "overrun") line.source.gap(3);
        else line.source.gap(undefined, "agent-down", 2 ** 32);
        await new Promise((resolve) => setImmediate(resolve));
      }
      const stored = (): string => summary(recorder.items("n1"));
      const sent = summary(line.source.items);
      await eventually("all of it", () => stored().length >= sent.length);
      expect(stored()).toBe(sent);
      await agent.stop();
      await way.close();
    }),
    { numRuns: 40, interruptAfterTimeLimit: 60_000 },
  );
});

/** Marks with their numbers, and bytes as runs, since slices may differ. */
function summary(
  items: Recorder["items"] extends (...args: never[]) => infer R ? R : never,
): string {
  let text = "";
  for (const item of items) {
    text +=
      item.kind === "bytes"
        ? Buffer.from(item.bytes).toString("latin1")
        : `<${item.kind} ${item.offset}>`;
  }
  return text;
}

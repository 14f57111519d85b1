import { agentId, endpointId, nodeId } from "@outrider/contracts/ids";
import type { ConsoleLine } from "../console-line.js";
import type { ConsoleAddress, ConsoleCondition, ConsoleRequest } from "../console-stream.js";
import { MemorySource } from "./memory-source.js";

/** A console of which the test is the device. */
export class MemoryLine implements ConsoleLine {
  readonly address: ConsoleAddress;
  readonly source: MemorySource;
  /** What the device has taken, in order. */
  readonly taken: (string | ConsoleRequest)[] = [];
  /** What it was asked for, done or not. */
  readonly asked: ConsoleRequest[] = [];
  /** The device takes nothing while this is pending; rejects as the device does. */
  gate: Promise<void> = Promise.resolve();
  #condition: ConsoleCondition = { up: true, abilities: ["break"] };
  readonly #callbacks = new Set<(condition: ConsoleCondition) => void>();

  constructor(node = "n1", source = new MemorySource(`stream-${node}`)) {
    this.source = source;
    this.address = {
      agent: agentId("rack-a"),
      endpoint: endpointId(node, "console"),
      node: nodeId(node),
      driver: "memory",
    };
  }

  condition(): ConsoleCondition {
    return this.#condition;
  }

  change(condition: ConsoleCondition): void {
    this.#condition = condition;
    for (const callback of this.#callbacks) callback(condition);
  }

  onCondition(callback: (condition: ConsoleCondition) => void): Disposable {
    this.#callbacks.add(callback);
    return { [Symbol.dispose]: () => void this.#callbacks.delete(callback) };
  }

  async write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#pass(signal);
    this.taken.push(Buffer.from(bytes).toString("latin1"));
  }

  async request(request: ConsoleRequest, signal: AbortSignal): Promise<void> {
    this.asked.push(request);
    if (request.kind !== "purge") await this.#pass(signal);
    this.taken.push(request);
  }

  async #pass(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await Promise.race([this.gate, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}

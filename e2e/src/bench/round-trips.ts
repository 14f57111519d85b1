import { topicOf } from "@outrider/contracts/contract";
import { nodeEvent } from "@outrider/contracts/node";
import { startNode, type Child } from "@outrider/testing/child";
import type { Secret } from "@outrider/testing/outrider-broker";
import { hostMs } from "./machine.js";
import { MqttPeer } from "./mqtt-peer.js";

/** Topics that any service may write, of nodes that no site has. */
const REQUEST = topicOf(nodeEvent, { node: "bench-request" });
const REPLY = topicOf(nodeEvent, { node: "bench-reply" });
/** About the length of a command. */
const FILLER = "x".repeat(80);

/** The least that a request over the broker and its answer can cost: two processes, QoS 1, no work. */
export class RoundTrips implements AsyncDisposable {
  readonly #waiting = new Map<string, (endMs: number) => void>();
  #count = 0;

  private constructor(
    private readonly peer: MqttPeer,
    private readonly echo: Child,
  ) {}

  /** @param asking and @param answering two services that are not there */
  static async start(port: number, asking: Secret, answering: Secret): Promise<RoundTrips> {
    const program = new URL("./echo-main.js", import.meta.url);
    const { username, password } = answering;
    const args = [String(port), username, password, REQUEST, REPLY];
    const echo = await startNode(program, { args });
    const peer = await MqttPeer.open(port, asking, "bench-asking");
    const trips = new RoundTrips(peer, echo);
    await peer.subscribe(REPLY, (_, payload) => {
      const endMs = hostMs();
      const key = payload.toString();
      trips.#waiting.get(key)?.(endMs);
      trips.#waiting.delete(key);
    });
    return trips;
  }

  /** Sends as many requests at once. Resolves with how long each took, in milliseconds. */
  burst(atOnce: number): Promise<number[]> {
    return Promise.all(Array.from({ length: atOnce }, () => this.#one()));
  }

  #one(): Promise<number> {
    const key = `${++this.#count} ${FILLER}`;
    return new Promise((resolve) => {
      const startMs = hostMs();
      this.#waiting.set(key, (endMs) => resolve(endMs - startMs));
      this.peer.send(REQUEST, key);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.peer[Symbol.asyncDispose]();
    await this.echo.kill();
  }
}

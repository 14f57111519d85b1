import { TOPIC_ROOT, topicOf, type Contract, type Parameters } from "@outrider/contracts/contract";
import { eventually } from "@outrider/testing/eventually";
import {
  mosquittoPub,
  mosquittoSub,
  type PublishOptions,
  type Subscriber,
} from "@outrider/testing/mqtt-cli";
import type { Secret } from "@outrider/testing/outrider-broker";

/** A message of the bus, its payload read. */
export interface Heard<P = unknown> {
  readonly topic: string;
  /** Undefined: empty, or no JSON. */
  readonly payload: P | undefined;
  readonly retain: boolean;
}

/** A person at a shell: `mosquitto_pub`, and a `mosquitto_sub` that hears everything public from the beginning on. */
export class Bus implements AsyncDisposable {
  readonly #heard: Heard[] = [];

  private constructor(
    private readonly port: number,
    private readonly secret: Partial<Secret>,
    private readonly subscriber: Subscriber,
  ) {}

  static async open(port: number, secret: Partial<Secret>): Promise<Bus> {
    const subscriber = await mosquittoSub([`${TOPIC_ROOT}#`], { port, ...secret });
    return new Bus(port, secret, subscriber);
  }

  /** Everything heard so far. The listener comes back by itself when the broker was away. */
  get heard(): readonly Heard[] {
    const { messages } = this.subscriber;
    for (let at = this.#heard.length; at < messages.length; at++) {
      const { topic, payload, retain } = messages[at] ?? { topic: "", payload: "", retain: false };
      this.#heard.push({ topic, payload: parse(payload), retain });
    }
    return this.#heard;
  }

  /** How much was heard so far; what comes later is after this. */
  mark(): number {
    return this.heard.length;
  }

  /** What was heard on a topic. @param after a mark */
  on<T extends string, P extends object>(
    contract: Contract<T, P>,
    parameters: NoInfer<Parameters<T>>,
    after = 0,
  ): Heard<P>[] {
    const topic = topicOf(contract, parameters);
    return this.heard.slice(after).filter((one): one is Heard<P> => one.topic === topic);
  }

  /** The newest payload of a topic. */
  last<T extends string, P extends object>(
    contract: Contract<T, P>,
    parameters: NoInfer<Parameters<T>>,
    after = 0,
  ): P | undefined {
    return this.on(contract, parameters, after).at(-1)?.payload;
  }

  /** The first payload on a topic after a mark that fits, there already or yet to come. */
  next<T extends string, P extends object>(
    contract: Contract<T, P>,
    parameters: NoInfer<Parameters<T>>,
    fits: (payload: P) => boolean,
    after = 0,
  ): Promise<P> {
    const find = (): P | undefined =>
      this.on(contract, parameters, after)
        .flatMap(({ payload }) => (payload === undefined ? [] : [payload]))
        .find(fits);
    const what = `a fitting message on ${topicOf(contract, parameters)}`;
    return eventually(what, find, { withinMs: 60_000 });
  }

  /** Runs `mosquitto_pub`. @param topic whole, right or wrong */
  publish(
    topic: string,
    payload: string | object,
    options: Partial<PublishOptions> = {},
  ): Promise<void> {
    const text = typeof payload === "string" ? payload : JSON.stringify(payload);
    return mosquittoPub(topic, text, { port: this.port, ...this.secret, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subscriber[Symbol.asyncDispose]();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

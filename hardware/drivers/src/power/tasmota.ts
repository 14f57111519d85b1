import { Integer, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, seconds } from "@outrider/ports/time";
import type { Heard, MqttLink } from "@outrider/transports/mqtt";
import type { Share } from "@outrider/transports/shared";
import { Matches } from "class-validator";
import { away, BrokerOptions, jsonOf, openBroker } from "../mqtt-plug.js";
import { plugPower, type Plug } from "../plug.js";

export class TasmotaOptions extends BrokerOptions {
  /** The device's own topic (`Topic` in its console): `rack-a-1`. */
  @Matches(/^[A-Za-z0-9_-]{1,32}$/)
  topic!: string;
  /** Which of its relays; counts from 1. Default: 1. */
  @Optional() @Integer(1, 32) relay?: number;
  /** How long its own cycle leaves the relay off, in seconds. Default: 5. */
  @Optional() @Integer(1, 300) cycleSeconds?: number;
}

const DEADLINE = seconds(8);
/** It is read, told, and read. */
const ACT_WITHIN = milliseconds(3 * DEADLINE);

export const driver = defineDriver({
  port: "power",
  driver: "tasmota",
  summary: "A relay of a plug with Tasmota over MQTT; it ends a power cycle by itself.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: TasmotaOptions,
  exclusive: ["broker", "topic", "relay"],
  exclusiveDefaults: { relay: 1 },
  network: "broker",
  example: { options: { broker: "mqtt://10.0.0.5:1883", topic: "rack-a-1" } },
  open: async (options, context) => {
    const { topic, relay = 1, cycleSeconds = 5 } = options;
    const plug = new TasmotaRelay(await openBroker(options, context), topic, relay);
    return plugPower(plug, seconds(cycleSeconds));
  },
});

/** https://tasmota.github.io/docs/MQTT/ with the default full topic `%prefix%/%topic%/` and the default prefixes. */
class TasmotaRelay implements Plug {
  readonly what: string;
  readonly answersWithin = { read: DEADLINE, act: ACT_WITHIN };
  readonly #listen: { readonly status: string; readonly lwt: string };

  constructor(
    private readonly broker: Share<MqttLink>,
    private readonly topic: string,
    private readonly relay: number,
  ) {
    this.what = `The Tasmota plug ${topic} at ${broker.value.what.replace(/^The /, "the ")}`;
    this.#listen = {
      status: `stat/${topic}/STATUS11`,
      lwt: `tele/${topic}/LWT`,
    };
  }

  /**
   * By `Status 11`, whose answer has a topic of its own: what the plug tells of a change that was before the question
   * is not taken for the answer, nor is what the broker has kept.
   */
  async read(signal: AbortSignal): Promise<{ on: boolean }> {
    const { status, lwt } = this.#listen;
    const on = await this.broker.value.ask(
      this.what,
      { topic: `cmnd/${this.topic}/STATUS`, payload: "11" },
      [status, lwt],
      DEADLINE,
      signal,
      (heard) => this.#stateIn(heard),
    );
    return { on };
  }

  /** It does one command after the other, so the answer to a question that follows says that it has been taken. */
  async set(on: boolean, signal: AbortSignal): Promise<void> {
    await this.#send(`POWER${this.relay}`, on ? "ON" : "OFF", signal);
    await this.read(signal);
  }

  /** `Backlog0` runs without pauses of its own; `Delay` counts in tenths of a second. */
  async cycle(off: number, signal: AbortSignal): Promise<void> {
    const { relay } = this;
    const commands = `Power${relay} OFF; Delay ${Math.round(off / 100)}; Power${relay} ON`;
    await this.#send("Backlog0", commands, signal);
  }

  watch(changed: () => void): Disposable {
    const power = [`stat/${this.topic}/POWER`, `stat/${this.topic}/POWER${this.relay}`];
    return this.broker.value.watch([...power, this.#listen.lwt], changed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.broker[Symbol.dispose]();
  }

  /** Only while the plug is there: what is sent to one that is away would be lost without a word. */
  async #send(command: string, payload: string, signal: AbortSignal): Promise<void> {
    await this.read(signal);
    await this.broker.value.publish(`cmnd/${this.topic}/${command}`, payload, signal);
  }

  #stateIn({ topic, text, retained }: Heard): boolean | undefined {
    if (topic === this.#listen.lwt) {
      if (text === "Offline") throw away(this.what);
      return undefined;
    }
    if (retained) return undefined;
    const states = jsonOf(text)?.["StatusSTS"] as Readonly<Record<string, unknown>> | undefined;
    if (states === undefined) return undefined;
    // With a single relay it is called POWER, with several POWER1 and so on.
    const word = states[`POWER${this.relay}`] ?? (this.relay === 1 ? states["POWER"] : undefined);
    if (word === "ON" || word === "OFF") return word === "ON";
    throw new PortError(
      "invalid-options",
      `${this.what} has no relay ${this.relay}. Correct the option relay of the endpoint.`,
    );
  }
}

import { Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { milliseconds, seconds } from "@outrider/ports/time";
import type { Heard, MqttLink } from "@outrider/transports/mqtt";
import type { Share } from "@outrider/transports/shared";
import { Matches } from "class-validator";
import { away, BrokerOptions, jsonOf, openBroker } from "../mqtt-plug.js";
import { plugPower, type Plug, type PlugState } from "../plug.js";

export class Zigbee2mqttOptions extends BrokerOptions {
  /** The device's friendly name. */
  @Matches(/^[^+#\u0000/][^+#\u0000]{0,100}$/)
  device!: string;
  /** Zigbee2MQTT's base topic. Default: `zigbee2mqtt`. */
  @Optional() @Matches(/^[^+#\u0000/][^+#\u0000]{0,100}$/) baseTopic?: string;
  /** Which of several outputs: `l1`, `right`, as in `state_l1`. Left out for plugs with one. */
  @Optional() @Matches(/^[a-z0-9_]{1,32}$/) output?: string;
}

/** A Zigbee device may be asked over several hops. */
const DEADLINE = seconds(10);
/** It is asked, or told and asked. */
const BOTH_WITHIN = milliseconds(2 * DEADLINE);

export const driver = defineDriver({
  port: "power",
  driver: "zigbee2mqtt",
  summary: "A Zigbee plug behind Zigbee2MQTT, asked itself at each reading.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: Zigbee2mqttOptions,
  exclusive: ["broker", "baseTopic", "device", "output"],
  exclusiveDefaults: { baseTopic: "zigbee2mqtt" },
  network: "broker",
  example: { options: { broker: "mqtt://10.0.0.5:1883", device: "plug rack a 1" } },
  open: async (options, context) => {
    const { device, baseTopic = "zigbee2mqtt", output } = options;
    const key = output === undefined ? "state" : `state_${output}`;
    const plug = new ZigbeePlug(await openBroker(options, context), baseTopic, device, key);
    return plugPower(plug);
  },
});

/** https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html */
class ZigbeePlug implements Plug {
  readonly what: string;
  readonly answersWithin = { read: BOTH_WITHIN, act: BOTH_WITHIN };
  readonly #topic: string;
  readonly #availability: string;
  readonly #bridge: string;

  constructor(
    private readonly broker: Share<MqttLink>,
    base: string,
    device: string,
    private readonly key: string,
  ) {
    this.what = `The Zigbee plug ${device} at ${broker.value.what.replace(/^The /, "the ")}`;
    this.#topic = `${base}/${device}`;
    this.#availability = `${base}/${device}/availability`;
    this.#bridge = `${base}/bridge/state`;
  }

  /**
   * Answers and what is told of changes come on the same topic, without a mark. So it is asked twice: what was already
   * under way passes for the first answer, and the second is younger than the call.
   */
  async read(signal: AbortSignal): Promise<PlugState> {
    await this.#ask("get", "", signal);
    return this.#ask("get", "", signal);
  }

  /** What is published after a `set` may be a wish; the agent's reading asks the device. */
  async set(on: boolean, signal: AbortSignal): Promise<void> {
    await this.#ask("set", on ? "ON" : "OFF", signal);
    await this.#ask("get", "", signal);
  }

  watch(changed: () => void): Disposable {
    return this.broker.value.watch([this.#topic, this.#availability, this.#bridge], changed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.broker[Symbol.dispose]();
  }

  #ask(verb: "get" | "set", word: string, signal: AbortSignal): Promise<PlugState> {
    return this.broker.value.ask(
      this.what,
      { topic: `${this.#topic}/${verb}`, payload: JSON.stringify({ [this.key]: word }) },
      [this.#topic, this.#availability, this.#bridge],
      DEADLINE,
      signal,
      (heard) => this.#stateIn(heard),
    );
  }

  #stateIn({ topic, text, retained }: Heard): PlugState | undefined {
    const json = jsonOf(text);
    if (topic !== this.#topic) {
      // Plain words before version 2, JSON since.
      if ((json?.["state"] ?? text) === "offline") throw away(this.what);
      return undefined;
    }
    const word = json?.[this.key];
    if (retained || (word !== "ON" && word !== "OFF")) return undefined;
    const watts = json?.["power"];
    return { on: word === "ON", ...(typeof watts === "number" ? { drawWatts: watts } : {}) };
  }
}

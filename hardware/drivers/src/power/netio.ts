import { Integer, Nested, Optional, Text } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, seconds } from "@outrider/ports/time";
import { HttpClient, type HttpRequest } from "@outrider/transports/http";
import { HttpDeviceOptions, notSuch, throwUnlessDone, trustOf } from "../http-device.js";
import { basicAuthorization } from "../http-login.js";
import { plugPower, type Plug, type PlugState } from "../plug.js";

export class NetioOptions extends HttpDeviceOptions {
  /** Which of its outputs; counts from 1. */
  @Integer(1, 100) output!: number;
  /** The user of its JSON API. Default: `netio`. */
  @Optional() @Text(100) username?: string;
  /** Where the agent's host has the password of that user. */
  @Optional() @Nested(() => SecretReference) password?: SecretReference;
  /** How long its own cycle leaves the output off, in seconds, as `Delay` is set at the device. Default: 5. */
  @Optional() @Integer(1, 8) cycleSeconds?: number;
}

const DEADLINE = seconds(5);
/** Actions of the JSON API 2.x. */
const OFF = 0;
const ON = 1;
/** Off, and on again after the output's `Delay`. */
const SHORT_OFF = 2;

export const driver = defineDriver({
  port: "power",
  driver: "netio",
  summary: "An output of a NETIO PowerPDU, PowerBOX or PowerCable, by its JSON API over HTTP.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: NetioOptions,
  exclusive: ["url", "output"],
  example: {
    options: {
      url: "http://10.0.0.40",
      output: 2,
      password: { file: "/etc/outrider/secrets/netio" },
    },
  },
  open: async (options, { clock, secret }) => {
    const { url, output, username = "netio", password, cycleSeconds = 5 } = options;
    const headers = password && basicAuthorization(username, await secret(password));
    const trust = await trustOf(options);
    const http = new HttpClient({ address: { url }, name: "The NETIO", clock, trust });
    return plugPower(new Netio(http, output, headers ?? {}), clock, seconds(cycleSeconds));
  },
});

interface Output {
  readonly ID?: unknown;
  readonly State?: unknown;
  readonly Delay?: unknown;
  /** Watts. */
  readonly Load?: unknown;
}

class Netio implements Plug {
  constructor(
    private readonly http: HttpClient,
    private readonly output: number,
    private readonly headers: Readonly<Record<string, string>>,
  ) {}

  get what(): string {
    return `${this.http.what}, output ${this.output}`;
  }

  async read(signal: AbortSignal): Promise<PlugState> {
    const { State, Load } = await this.#ask({ method: "GET", path: "/netio.json" }, signal);
    if (State !== 0 && State !== 1) throw notSuch(this.http.what, "a NETIO");
    return { on: State === 1, ...(typeof Load === "number" ? { drawWatts: Load } : {}) };
  }

  async set(on: boolean, signal: AbortSignal): Promise<void> {
    await this.#act(on ? ON : OFF, signal);
  }

  /** How long it stays off is set at the output; another length is refused rather than passed over. */
  async cycle(off: number, signal: AbortSignal): Promise<void> {
    const { State, Delay } = await this.#ask({ method: "GET", path: "/netio.json" }, signal);
    if (State === 0) {
      throw new PortError("refused", `${this.what}: the supply is off. Switch On.`);
    }
    if (typeof Delay === "number" && Delay !== off) {
      throw new PortError(
        "refused",
        `${this.what} stays off for ${Delay} ms in its own cycle, not for ${milliseconds(off)} ms. Set the option cycleSeconds of the endpoint, or Delay at the device.`,
      );
    }
    await this.#act(SHORT_OFF, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.http[Symbol.dispose]();
  }

  async #act(action: number, signal: AbortSignal): Promise<void> {
    const body = { Outputs: [{ ID: this.output, Action: action }] };
    await this.#ask({ method: "POST", path: "/netio.json", body }, signal);
  }

  async #ask(asked: Omit<HttpRequest, "deadline">, signal: AbortSignal): Promise<Output> {
    const { headers } = this;
    const answer = await this.http.request({ ...asked, headers, deadline: DEADLINE }, signal);
    throwUnlessDone(answer, this.what, "output");
    const { Outputs } = (answer.json ?? {}) as { Outputs?: readonly Output[] };
    if (!Array.isArray(Outputs)) throw notSuch(this.http.what, "a NETIO");
    const found = (Outputs as readonly Output[]).find(({ ID }) => ID === this.output);
    if (found) return found;
    throw new PortError(
      "invalid-options",
      `${this.http.what} has no output ${this.output}; it has ${Outputs.length}. Correct the option output of the endpoint.`,
    );
  }
}

import { Integer, Nested, Optional, Text } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, seconds, type Clock } from "@outrider/ports/time";
import { Gathered } from "@outrider/transports/gathered";
import { HttpClient } from "@outrider/transports/http";
import { basicAuthorization } from "@outrider/transports/http-login";
import { SharedByClock, type Share } from "@outrider/transports/shared";
import { refuseInTheClear, trustOf } from "../device-trust.js";
import { HttpDeviceOptions, notSuch, throwUnlessDone } from "../http-device.js";
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
  network: "url",
  example: {
    options: {
      url: "https://10.0.0.40",
      output: 2,
      password: { file: "/etc/outrider/secrets/netio" },
      fingerprint: "00".repeat(32),
    },
  },
  open: async (options, { clock, secret }) => {
    const { url, output, username = "netio", password, cycleSeconds = 5 } = options;
    if (password !== undefined) refuseInTheClear(options);
    const headers = password ? basicAuthorization(username, await secret(password)) : {};
    const trust = await trustOf(options);
    const share = devices.take(clock, JSON.stringify([url, trust, headers]), () => {
      const http = new HttpClient({ address: { url }, name: "The NETIO", clock, trust });
      return new NetioDevice(http, headers, clock);
    });
    return plugPower(new Netio(share, output), seconds(cycleSeconds));
  },
});

interface Output {
  readonly ID?: unknown;
  readonly State?: unknown;
  readonly Delay?: unknown;
  /** Watts. */
  readonly Load?: unknown;
}

/** One connection with a device for all of its outputs; one answer tells the state of all. */
class NetioDevice implements Disposable {
  readonly status: Gathered<void, readonly Output[]>;

  constructor(
    private readonly http: HttpClient,
    private readonly headers: Readonly<Record<string, string>>,
    clock: Clock,
  ) {
    this.status = new Gathered(clock, http.what, (_, signal) => this.#ask(undefined, signal));
  }

  get what(): string {
    return this.http.what;
  }

  /** @returns all outputs, as they are after it */
  act(output: number, action: number, signal: AbortSignal): Promise<readonly Output[]> {
    return this.#ask({ Outputs: [{ ID: output, Action: action }] }, signal);
  }

  [Symbol.dispose](): void {
    this.status[Symbol.dispose]();
    this.http[Symbol.dispose]();
  }

  async #ask(body: object | undefined, signal: AbortSignal): Promise<readonly Output[]> {
    const { headers } = this;
    const method = body === undefined ? "GET" : "POST";
    const asked = { method, path: "/netio.json", headers, deadline: DEADLINE, body } as const;
    const answer = await this.http.request(asked, signal);
    throwUnlessDone(answer, this.what, "output");
    const { Outputs } = (answer.json ?? {}) as { Outputs?: unknown };
    if (Array.isArray(Outputs)) return Outputs as readonly Output[];
    throw notSuch(this.what, "a NETIO");
  }
}

const devices = new SharedByClock<NetioDevice>();
const AT_ONCE = milliseconds(0);

class Netio implements Plug {
  constructor(
    private readonly share: Share<NetioDevice>,
    private readonly output: number,
  ) {}

  get what(): string {
    return `${this.share.value.what}, output ${this.output}`;
  }

  async read(signal: AbortSignal): Promise<PlugState> {
    const { State, Load } = await this.#output(signal);
    if (State !== 0 && State !== 1) throw notSuch(this.share.value.what, "a NETIO");
    return { on: State === 1, ...(typeof Load === "number" ? { drawWatts: Load } : {}) };
  }

  async set(on: boolean, signal: AbortSignal): Promise<void> {
    await this.#act(on ? ON : OFF, signal);
  }

  /** How long it stays off is set at the output; another length is refused rather than passed over. */
  async cycle(off: number, signal: AbortSignal): Promise<void> {
    const { State, Delay } = await this.#output(signal);
    if (State === 0) {
      throw new PortError("refused", `${this.what}: the supply is off. Switch On.`);
    }
    if (typeof Delay === "number" && Delay !== off) {
      throw new PortError(
        "refused",
        `${this.what} stays off for ${Delay} ms in its own cycle, not for ${off} ms. Set the option cycleSeconds of the endpoint, or Delay at the device.`,
      );
    }
    await this.#act(SHORT_OFF, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.share[Symbol.dispose]();
  }

  async #act(action: number, signal: AbortSignal): Promise<void> {
    this.#find(await this.share.value.act(this.output, action, signal));
  }

  async #output(signal: AbortSignal): Promise<Output> {
    return this.#find(await this.share.value.status.read(undefined, signal, AT_ONCE));
  }

  #find(outputs: readonly Output[]): Output {
    const found = outputs.find(({ ID }) => ID === this.output);
    if (found) return found;
    throw new PortError(
      "invalid-options",
      `${this.share.value.what} has no output ${this.output}; it has ${outputs.length}. Correct the option output of the endpoint.`,
    );
  }
}

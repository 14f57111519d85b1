import { Nested, OneOf, Optional, Text } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import {
  SUPPLY_OFF,
  SUPPLY_ON,
  SUPPLY_UNKNOWN,
  type PowerPort,
  type PowerReading,
} from "@outrider/ports/power-port";
import { seconds } from "@outrider/ports/time";
import type { HttpClient } from "@outrider/transports/http";
import { basicAuthorization } from "@outrider/transports/http-login";
import { Matches } from "class-validator";
import { refuseInTheClear } from "../device-trust.js";
import { HttpDeviceOptions, notSuch, openHttp, throwUnlessDone } from "../http-device.js";

const ON_SETTINGS = ["auto-on", "forced-on"] as const;
type OnSetting = (typeof ON_SETTINGS)[number];

export class MikrotikPoeOptions extends HttpDeviceOptions {
  /** The Ethernet interface, as RouterOS calls it: `ether5`. */
  @Matches(/^[A-Za-z0-9._+-]{1,64}$/)
  interface!: string;
  /** A user of RouterOS with the policies `read`, `write` and `rest-api`. */
  @Text(100) username!: string;
  /** Where the agent's host has the password of that user. */
  @Nested(() => SecretReference) password!: SecretReference;
  /** How it is switched on: `forced-on` feeds also what does not ask for it. Default: as it was when it was seen switched on last since the agent has started, otherwise `auto-on`. */
  @Optional() @OneOf(ON_SETTINGS) onAs?: OnSetting;
}

const DEADLINE = seconds(8);

export const driver = defineDriver({
  port: "power",
  driver: "mikrotik-poe",
  summary: "A PoE-out port of a MikroTik router or switch, by the REST interface of RouterOS 7.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: MikrotikPoeOptions,
  exclusive: ["url", "interface"],
  network: "url",
  example: {
    options: {
      url: "https://10.0.0.41",
      interface: "ether5",
      username: "outrider",
      password: { file: "/etc/outrider/secrets/mikrotik" },
    },
  },
  open: async (options, { clock, secret }) => {
    const { username, password } = options;
    refuseInTheClear(options);
    const headers = basicAuthorization(username, await secret(password));
    const http = await openHttp(options, "The MikroTik", clock);
    return new MikrotikPoe(http, options.interface, headers, options.onAs);
  },
});

class MikrotikPoe implements PowerPort {
  readonly native = {};
  readonly answersWithin = { read: DEADLINE };
  /** The last setting other than off. */
  #seen: OnSetting | undefined;

  constructor(
    private readonly http: HttpClient,
    private readonly name: string,
    private readonly headers: Readonly<Record<string, string>>,
    private readonly onAs: OnSetting | undefined,
  ) {}

  /** The setting and the state are two things: a port that is on and feeds nothing is neither on nor off. */
  async read(signal: AbortSignal): Promise<PowerReading> {
    const rows = await this.#post("monitor", { numbers: this.name, once: "" }, signal);
    const row = Array.isArray(rows) ? (rows[0] as Record<string, unknown> | undefined) : undefined;
    const setting = row?.["poe-out"];
    this.#seen = ON_SETTINGS.find((one) => one === setting) ?? this.#seen;
    const status = row?.["poe-out-status"];
    if (typeof status !== "string") throw notSuch(this.http.what, "a RouterOS with PoE out");
    if (status === "powered-on") {
      // RouterOS sends numbers as text.
      const watts = Number.parseFloat(String(row?.["poe-out-power"]));
      return {
        ...SUPPLY_ON,
        ...(Number.isFinite(watts) ? { drawWatts: watts } : {}),
      };
    }
    if (setting === "off") return SUPPLY_OFF;
    return {
      ...SUPPLY_UNKNOWN,
      problem: `${this.what} is switched on and gives no power: ${status.slice(0, 100)}. Look at the cable and at the node's PoE hat.`,
    };
  }

  async setSupply(on: boolean, signal: AbortSignal): Promise<void> {
    // Off says nothing of how it was on; nothing is asked first, as a silent port must still be switched.
    const setting = on ? (this.onAs ?? this.#seen ?? "auto-on") : "off";
    await this.#post("set", { ".id": this.name, "poe-out": setting }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.http[Symbol.dispose]();
  }

  private get what(): string {
    return `${this.http.what}, interface ${this.name}`;
  }

  async #post(command: string, body: object, signal: AbortSignal): Promise<unknown> {
    const path = `/rest/interface/ethernet/poe/${command}`;
    const { headers } = this;
    const asked = { method: "POST", path, body, headers, deadline: DEADLINE } as const;
    const answer = await this.http.request(asked, signal);
    const { detail } = (answer.json ?? {}) as { detail?: unknown };
    // RouterOS says 400 and "no such item" where others say 404.
    if (typeof detail === "string" && /no such item|does not match/.test(detail)) {
      throw new PortError(
        "invalid-options",
        `${this.http.what} has no PoE interface ${this.name}. Correct the option interface of the endpoint.`,
      );
    }
    if (typeof detail === "string" && answer.status >= 400 && answer.status !== 401) {
      throw new PortError(
        "refused",
        `${this.what} refuses (${answer.status}): ${detail.slice(0, 200)}. Look at it, then repeat.`,
      );
    }
    throwUnlessDone(answer, this.what, "interface");
    return answer.json;
  }
}

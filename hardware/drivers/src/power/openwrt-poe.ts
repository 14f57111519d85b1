import { Nested, Text } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import {
  SUPPLY_OFF,
  SUPPLY_ON,
  SUPPLY_UNKNOWN,
  type PowerPort,
  type PowerReading,
  type ReadOptions,
} from "@outrider/ports/power-port";
import { milliseconds, type Clock } from "@outrider/ports/time";
import { Gathered } from "@outrider/transports/gathered";
import { HttpClient } from "@outrider/transports/http";
import { SharedByClock, type Share } from "@outrider/transports/shared";
import { UBUS_DEADLINE, UbusSession } from "@outrider/transports/ubus";
import { Matches } from "class-validator";
import { refuseInTheClear, trustOf } from "../device-trust.js";
import { HttpDeviceOptions, notSuch } from "../http-device.js";

export class OpenwrtPoeOptions extends HttpDeviceOptions {
  /** The port, as `ubus call poe info` calls it: `lan3`. */
  @Matches(/^[A-Za-z0-9._-]{1,64}$/)
  port!: string;
  /** A login of rpcd that may call `info` and `manage` of `poe`. */
  @Text(100) username!: string;
  /** Where the agent's host has its password. */
  @Nested(() => SecretReference) password!: SecretReference;
}

export const driver = defineDriver({
  port: "power",
  driver: "openwrt-poe",
  summary: "A PoE port of a switch that runs OpenWrt (realtek-poe), by ubus over HTTP.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: OpenwrtPoeOptions,
  exclusive: ["url", "port"],
  network: "url",
  example: {
    options: {
      url: "https://10.0.0.42",
      port: "lan3",
      username: "outrider",
      password: { file: "/etc/outrider/secrets/openwrt" },
      fingerprint: "00".repeat(32),
    },
  },
  open: async (options, { clock, secret }) => {
    const { url, username, password } = options;
    refuseInTheClear(options);
    const trust = await trustOf(options);
    const login = { username, password: await secret(password) };
    const share = switches.take(clock, JSON.stringify([url, trust, login]), () => {
      const http = new HttpClient({ address: { url }, name: "The OpenWrt switch", clock, trust });
      return new OpenwrtSwitch(new UbusSession(http, login), clock);
    });
    return new OpenwrtPoe(share, options.port);
  },
});

/** One session with a switch for all of its ports; one answer tells the state of all. */
class OpenwrtSwitch implements Disposable {
  readonly info: Gathered<void, Readonly<Record<string, unknown>>>;

  constructor(
    readonly ubus: UbusSession,
    clock: Clock,
  ) {
    this.info = new Gathered(clock, ubus.what, (_, signal) => ubus.call("poe", "info", {}, signal));
  }

  [Symbol.dispose](): void {
    this.info[Symbol.dispose]();
    this.ubus[Symbol.dispose]();
  }
}

const switches = new SharedByClock<OpenwrtSwitch>();
const AT_ONCE = milliseconds(0);

const DELIVERING = "Delivering power";
const DISABLED = "Disabled";

class OpenwrtPoe implements PowerPort {
  readonly native = {};
  /** It logs in, asks, and does both once more when the switch has forgotten the login. */
  readonly answersWithin = {
    read: milliseconds(4 * UBUS_DEADLINE),
    act: milliseconds(4 * UBUS_DEADLINE),
  };

  constructor(
    private readonly share: Share<OpenwrtSwitch>,
    private readonly port: string,
  ) {}

  async read(signal: AbortSignal, options?: ReadOptions): Promise<PowerReading> {
    const { info } = this.share.value;
    const { ports } = await info.read(undefined, signal, options?.patience ?? AT_ONCE);
    if (typeof ports !== "object" || ports === null) {
      throw notSuch(this.#ubus.what, "an OpenWrt with realtek-poe");
    }
    const all = ports as Readonly<Record<string, { status?: unknown; consumption?: unknown }>>;
    const own = Object.hasOwn(all, this.port) ? all[this.port] : undefined;
    if (!own) {
      throw new PortError(
        "invalid-options",
        `${this.#ubus.what} has no PoE port ${this.port}; it has ${Object.keys(all).join(", ").slice(0, 300)}. Correct the option port of the endpoint.`,
      );
    }
    const { status, consumption } = own;
    if (status === DISABLED) return SUPPLY_OFF;
    if (status === DELIVERING) {
      const draw = typeof consumption === "number" ? { drawWatts: consumption } : {};
      return { ...SUPPLY_ON, ...draw };
    }
    return {
      ...SUPPLY_UNKNOWN,
      problem: `${this.#ubus.what}, port ${this.port} is switched on and gives no power: ${String(status).slice(0, 100)}. Look at the cable and at the node's PoE hat.`,
    };
  }

  async setSupply(on: boolean, signal: AbortSignal): Promise<void> {
    await this.#ubus.call("poe", "manage", { port: this.port, enable: on }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.share[Symbol.dispose]();
  }

  get #ubus(): UbusSession {
    return this.share.value.ubus;
  }
}

import { Integer, Nested, Optional } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import { defineDriver } from "@outrider/ports/driver";
import { milliseconds, seconds } from "@outrider/ports/time";
import type { HttpAnswer, HttpClient, HttpRequest } from "@outrider/transports/http";
import { askWithLogin, type Login } from "@outrider/transports/http-login";
import { IsIn } from "class-validator";
import { loginOf } from "../device-login.js";
import { refuseInTheClear } from "../device-trust.js";
import { HttpDeviceOptions, notSuch, openHttp, throwUnlessDone } from "../http-device.js";
import { plugPower, type Plug, type PlugState } from "../plug.js";

export class ShellyOptions extends HttpDeviceOptions {
  /** 1: those of the first generation (ESP8266). 2: Plus, Pro and all later ones. */
  @IsIn([1, 2]) generation!: number;
  /** Which of its outputs; counts from 0. Default: 0. */
  @Optional() @Integer(0, 99) channel?: number;
  /** Where the agent's host has the password of the user `admin`. Generation 1 is sent it as it is, later ones never. */
  @Optional() @Nested(() => SecretReference) password?: SecretReference;
  /** How long its own cycle leaves the output off, in seconds. Default: 5. */
  @Optional() @Integer(1, 600) cycleSeconds?: number;
}

const DEADLINE = seconds(5);
/** A reading is up to two questions, each asked twice where there is a login. */
const READ_WITHIN = milliseconds(4 * DEADLINE);

export const driver = defineDriver({
  port: "power",
  driver: "shelly",
  summary: "An output of a Shelly plug or relay over HTTP; it ends a power cycle by itself.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: ShellyOptions,
  exclusive: ["url", "channel"],
  exclusiveDefaults: { channel: 0 },
  network: "url",
  example: { options: { url: "http://10.0.0.31", generation: 2 } },
  open: async (options, context) => {
    const { generation, channel = 0, password, cycleSeconds = 5 } = options;
    if (generation === 1 && password !== undefined) refuseInTheClear(options);
    const login = await loginOf("admin", password, generation === 1, context);
    const device = new Shelly(await openHttp(options, "The Shelly", context.clock), login);
    const plug = generation === 1 ? firstGeneration(device, channel) : later(device, channel);
    return plugPower(plug, seconds(cycleSeconds));
  },
});

class Shelly {
  constructor(
    private readonly http: HttpClient,
    private readonly login: Login | undefined,
  ) {}

  get what(): string {
    return this.http.what;
  }

  async ask(asked: Omit<HttpRequest, "deadline">, signal: AbortSignal): Promise<object> {
    const request = { ...asked, deadline: DEADLINE };
    const answer = await askWithLogin(this.http, request, this.login, signal);
    throwUnlessDone(missingIs404(answer), this.what, "channel");
    if (typeof answer.json !== "object" || answer.json === null)
      throw notSuch(this.what, "a Shelly");
    return answer.json;
  }

  close(): void {
    this.http[Symbol.dispose]();
  }
}

/** The later ones say with 500 and -105 that there is no such output (common errors of their RPC). */
function missingIs404(answer: HttpAnswer): HttpAnswer {
  const { code } = (answer.json ?? {}) as { code?: unknown };
  return code === -105 ? { ...answer, status: 404 } : answer;
}

/** `/relay/<n>`, https://shelly-api-docs.shelly.cloud/gen1/ */
function firstGeneration(device: Shelly, channel: number): Plug {
  const path = `/relay/${channel}`;
  const state = (json: object): PlugState => {
    const { ison } = json as { ison?: unknown };
    if (typeof ison === "boolean") return { on: ison };
    throw notSuch(device.what, "a Shelly of generation 1");
  };
  const turn = async (form: Record<string, string>, signal: AbortSignal): Promise<void> =>
    void state(await device.ask({ method: "POST", path, form }, signal));
  return {
    what: device.what,
    answersWithin: { read: READ_WITHIN },
    read: async (signal) => {
      const { on } = state(await device.ask({ method: "GET", path }, signal));
      if (!on) return { on };
      const answer = await device.ask({ method: "GET", path: "/status" }, signal);
      const { meters } = answer as { meters?: { power?: unknown; is_valid?: unknown }[] };
      const meter = Array.isArray(meters) ? meters[channel] : undefined;
      return typeof meter?.power === "number" && meter.is_valid === true
        ? { on, drawWatts: meter.power }
        : { on };
    },
    set: (on, signal) => turn({ turn: on ? "on" : "off" }, signal),
    // `timer`: seconds after which it flips back by itself.
    cycle: (off, signal) => turn({ turn: "off", timer: String(off / 1000) }, signal),
    [Symbol.asyncDispose]: async () => device.close(),
  };
}

/** `Switch`, https://shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Switch */
function later(device: Shelly, id: number): Plug {
  const rpc = async (method: string, params: object, signal: AbortSignal): Promise<object> =>
    device.ask({ method: "POST", path: `/rpc/${method}`, body: { id, ...params } }, signal);
  return {
    what: device.what,
    answersWithin: { read: READ_WITHIN },
    read: async (signal) => {
      const path = `/rpc/Switch.GetStatus?id=${id}`;
      const { output, apower } = (await device.ask({ method: "GET", path }, signal)) as {
        output?: unknown;
        apower?: unknown;
      };
      if (typeof output !== "boolean") throw notSuch(device.what, "a Shelly of generation 2");
      return { on: output, ...(typeof apower === "number" ? { drawWatts: apower } : {}) };
    },
    set: async (on, signal) => void (await rpc("Switch.Set", { on }, signal)),
    cycle: async (off, signal) =>
      void (await rpc("Switch.Set", { on: false, toggle_after: off / 1000 }, signal)),
    [Symbol.asyncDispose]: async () => device.close(),
  };
}

import { MapOf, Nested, OneOf, Optional, Text } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, seconds } from "@outrider/ports/time";
import type { HttpAnswer, HttpRequest } from "@outrider/transports/http";
import { askWithLogin } from "@outrider/transports/http-login";
import { Matches } from "class-validator";
import { loginOf } from "../device-login.js";
import { mayShowSecrets, refuseInTheClear } from "../device-trust.js";
import { HttpDeviceOptions, openHttp, throwUnlessDone } from "../http-device.js";
import { invalidOption } from "../invalid-option.js";
import { plugPower } from "../plug.js";

const METHODS = ["GET", "PUT", "POST", "PATCH"] as const;

/** What is asked of the device. */
export class HttpTemplate {
  /** Default: GET. What is asked by GET may be asked twice. */
  @Optional() @OneOf(METHODS) method?: (typeof METHODS)[number];
  /** From the slash on, encoded: `/outlet/3?state=on`. */
  @Matches(/^\/[!-~]{0,500}$/) path!: string;
  /** JSON, as text. */
  @Optional() @Text(2000) body?: string;
}

export class HttpPowerOptions extends HttpDeviceOptions {
  /** Switches on. */
  @Nested(() => HttpTemplate) on!: HttpTemplate;
  /** Switches off. */
  @Nested(() => HttpTemplate) off!: HttpTemplate;
  /** Says what it is. */
  @Nested(() => HttpTemplate) status!: HttpTemplate;
  /** Where in the JSON of `status` the state is, as a JSON pointer (RFC 6901): `/relays/0/ison`. */
  @Matches(/^(\/[^\u0000/]{0,100}){1,20}$/) pointer!: string;
  /** What is there when it is on, as text: `true`, `1`, `ON`. */
  @Text(100) onValue!: string;
  /** What is there when it is off. Anything else is an error, never off. */
  @Text(100) offValue!: string;
  /** Sent with each request. No secrets: use `username` and `password`, or `token`. */
  @Optional() @MapOf(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, { text: 500 }, 20) headers?: Record<
    string,
    string
  >;
  /** Who is logged in as, where `password` is given. Default admin. */
  @Optional() @Text(100) username?: string;
  /** For digest authentication, or basic where the device demands that and the address is encrypted. */
  @Optional() @Nested(() => SecretReference) password?: SecretReference;
  /** Sent as `Authorization: Bearer`. */
  @Optional() @Nested(() => SecretReference) token?: SecretReference;
}

const DEADLINE = seconds(10);
/** A device that wants a login is asked twice. */
const WITH_LOGIN = milliseconds(2 * DEADLINE);

export const driver = defineDriver({
  port: "power",
  driver: "http",
  summary: "Whatever can be switched and read by HTTP requests that are written into the endpoint.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: HttpPowerOptions,
  example: {
    options: {
      url: "http://10.0.0.33",
      on: { method: "POST", path: "/outlets/3", body: '{"on":true}' },
      off: { method: "POST", path: "/outlets/3", body: '{"on":false}' },
      status: { path: "/outlets/3" },
      pointer: "/on",
      onValue: "true",
      offValue: "false",
    },
  },
  open: async (options, context) => {
    const { username = "admin", password, token, headers = {} } = options;
    if (token !== undefined) refuseInTheClear(options);
    const login = await loginOf(username, password, mayShowSecrets(options), context);
    const bearer: Record<string, string> =
      token === undefined ? {} : { authorization: `Bearer ${await context.secret(token)}` };
    const bodies = new Map(
      (["on", "off", "status"] as const).map((name) => [name, bodyOf(name, options[name].body)]),
    );
    const http = await openHttp(options, "The device", context.clock);
    const ask = async (name: "on" | "off" | "status", signal: AbortSignal): Promise<HttpAnswer> => {
      const { method = "GET", path } = options[name];
      const body = bodies.get(name);
      const asked: HttpRequest = {
        method,
        path,
        ...(body === undefined ? {} : { body }),
        headers: { ...headers, ...bearer },
        deadline: DEADLINE,
      };
      const answer = await askWithLogin(http, asked, login, signal);
      throwUnlessDone(answer, http.what, `${name}.path`);
      return answer;
    };
    return plugPower({
      what: http.what,
      answersWithin: { read: WITH_LOGIN, act: WITH_LOGIN },
      read: async (signal) => {
        const { json } = await ask("status", signal);
        const value = valueAt(json, options.pointer);
        if (value === options.onValue) return { on: true };
        if (value === options.offValue) return { on: false };
        throw new PortError(
          "protocol",
          `${http.what} has neither onValue nor offValue at ${options.pointer}. Correct the endpoint, or look at the device.`,
        );
      },
      set: async (on, signal) => void (await ask(on ? "on" : "off", signal)),
      [Symbol.asyncDispose]: async () => http[Symbol.dispose](),
    });
  },
});

function bodyOf(name: string, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw invalidOption(`${name}.body: is no JSON.`);
  }
}

/** RFC 6901; undefined where nothing is, or no plain value. */
export function valueAt(json: unknown, pointer: string): string | undefined {
  let value = json;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return ["string", "number", "boolean"].includes(typeof value) ? String(value) : undefined;
}

import { Nested, Optional, Text } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import { defineDriver } from "@outrider/ports/driver";
import { milliseconds, seconds } from "@outrider/ports/time";
import type { HttpAnswer, HttpRequest } from "@outrider/transports/http";
import { askWithLogin } from "@outrider/transports/http-login";
import { Matches } from "class-validator";
import { loginOf } from "../device-login.js";
import { mayShowSecrets } from "../device-trust.js";
import { HttpDeviceOptions, notSuch, openHttp, throwUnlessDone } from "../http-device.js";
import { plugPower } from "../plug.js";

export class EsphomeOptions extends HttpDeviceOptions {
  /** Id of the switch in its web server: `relay`. */
  @Matches(/^[A-Za-z0-9_-]{1,64}$/)
  switch!: string;
  /** Where its web server asks for one. Default admin. */
  @Optional() @Text(100) username?: string;
  /** Where the agent's host has the password of its web server. */
  @Optional() @Nested(() => SecretReference) password?: SecretReference;
}

const DEADLINE = seconds(5);
/** A device that wants a login is asked twice. */
const WITH_LOGIN = milliseconds(2 * DEADLINE);

export const driver = defineDriver({
  port: "power",
  driver: "esphome",
  summary: "A switch of a device with ESPHome and its web_server component, over HTTP.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: EsphomeOptions,
  exclusive: ["url", "switch"],
  network: "url",
  example: { options: { url: "http://10.0.0.32", switch: "relay" } },
  open: async (options, context) => {
    const { username = "admin", password } = options;
    const login = await loginOf(username, password, mayShowSecrets(options), context);
    const http = await openHttp(options, "The ESPHome device", context.clock);
    const { what } = http;
    const ask = async (
      method: HttpRequest["method"],
      path: string,
      signal: AbortSignal,
    ): Promise<HttpAnswer> => {
      const asked = { method, path: `/switch/${options.switch}${path}`, deadline: DEADLINE };
      const answer = await askWithLogin(http, asked, login, signal);
      throwUnlessDone(answer, what, "switch");
      return answer;
    };
    return plugPower({
      what,
      answersWithin: { read: WITH_LOGIN, act: WITH_LOGIN },
      read: async (signal) => {
        const { json } = await ask("GET", "", signal);
        // https://esphome.io/web-api/: {"id":"switch-relay","value":true,"state":"ON"}
        const { state } = (json ?? {}) as { state?: unknown };
        if (state === "ON" || state === "OFF") return { on: state === "ON" };
        throw notSuch(what, "ESPHome's web server");
      },
      set: async (on, signal) => void (await ask("POST", on ? "/turn_on" : "/turn_off", signal)),
      [Symbol.asyncDispose]: async () => http[Symbol.dispose](),
    });
  },
});

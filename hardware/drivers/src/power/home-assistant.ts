import { Nested } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { seconds } from "@outrider/ports/time";
import type { HttpAnswer, HttpRequest } from "@outrider/transports/http";
import { Matches } from "class-validator";
import { refuseInTheClear } from "../device-trust.js";
import { HttpDeviceOptions, notSuch, openHttp, throwUnlessDone } from "../http-device.js";
import { plugPower } from "../plug.js";

export class HomeAssistantOptions extends HttpDeviceOptions {
  /** The entity: `switch.rack_a_1`. */
  @Matches(/^(switch|input_boolean|light)\.[a-z0-9_]{1,200}$/)
  entity!: string;
  /** Where the agent's host has a long-lived access token. */
  @Nested(() => SecretReference) token!: SecretReference;
}

/** Home Assistant answers a service once it has run. */
const DEADLINE = seconds(15);

export const driver = defineDriver({
  port: "power",
  driver: "home-assistant",
  summary: "A switch that Home Assistant knows, over its REST interface.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: HomeAssistantOptions,
  exclusive: ["url", "entity"],
  network: "url",
  example: {
    options: {
      url: "https://home-assistant.example:8123",
      entity: "switch.rack_a_1",
      token: { file: "/etc/outrider/secrets/home-assistant" },
    },
  },
  proof: "Home Assistant 2024.3.3 with switches by template and by command line",
  open: async (options, { clock, secret }) => {
    const { entity } = options;
    refuseInTheClear(options);
    const token = await secret(options.token);
    const http = await openHttp(options, "Home Assistant", clock);
    const what = `${http.what}, ${entity}`;
    const ask = async (
      asked: Pick<HttpRequest, "method" | "path" | "body">,
      signal: AbortSignal,
    ): Promise<HttpAnswer> => {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await http.request({ ...asked, headers, deadline: DEADLINE }, signal);
      throwUnlessDone(answer, what, "entity");
      return answer;
    };
    return plugPower({
      what,
      answersWithin: { read: DEADLINE, act: DEADLINE },
      read: async (signal) => {
        const { json } = await ask({ method: "GET", path: `/api/states/${entity}` }, signal);
        const { state, attributes } = (json ?? {}) as { state?: unknown; attributes?: unknown };
        if (state === "on" || state === "off") {
          return { on: state === "on", evidence: evidenceOf(entity, attributes) };
        }
        if (state === "unavailable" || state === "unknown") {
          throw new PortError(
            "unreachable",
            `${what} is ${state} in Home Assistant. Check that the device has power and its network.`,
          );
        }
        throw notSuch(what, "Home Assistant");
      },
      set: async (on, signal) => {
        const [domain] = entity.split(".");
        const path = `/api/services/${domain}/turn_${on ? "on" : "off"}`;
        await ask({ method: "POST", path, body: { entity_id: entity } }, signal);
      },
      [Symbol.asyncDispose]: async () => http[Symbol.dispose](),
    });
  },
});

/** A helper switches nothing by itself, and what Home Assistant cannot ask, it marks as assumed. */
function evidenceOf(entity: string, attributes: unknown): "ReadBack" | "Assumed" {
  const { assumed_state: assumed } = (attributes ?? {}) as { assumed_state?: unknown };
  return entity.startsWith("input_boolean.") || assumed === true ? "Assumed" : "ReadBack";
}

import { Integer, Nested, Text } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import { defineDriver } from "@outrider/ports/driver";
import { seconds } from "@outrider/ports/time";
import { basicAuthorization } from "@outrider/transports/http-login";
import { refuseInTheClear } from "../device-trust.js";
import { HttpDeviceOptions, notSuch, openHttp, throwUnlessDone } from "../http-device.js";
import { plugPower } from "../plug.js";

export class TuringPi2Options extends HttpDeviceOptions {
  /** Which of its four slots; counts from 1. */
  @Integer(1, 4) node!: number;
  /** A user of its BMC, `root` as delivered. */
  @Text(64) username!: string;
  /** Where the agent's host has the user's password. The BMC shuts out who is wrong five times. */
  @Nested(() => SecretReference) password!: SecretReference;
}

const DEADLINE = seconds(10);

export const driver = defineDriver({
  port: "power",
  driver: "turing-pi-2",
  summary: "A slot of a Turing Pi 2, by the BMC of the board.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: TuringPi2Options,
  exclusive: ["url", "node"],
  network: "url",
  example: {
    options: {
      url: "https://10.0.0.40",
      node: 1,
      username: "root",
      password: { file: "/etc/outrider/secrets/turing-pi" },
      fingerprint: "00".repeat(32),
    },
  },
  open: async (options, { clock, secret }) => {
    const { node, username, password } = options;
    refuseInTheClear(options);
    const headers = basicAuthorization(username, await secret(password));
    const http = await openHttp(options, "The Turing Pi 2", clock);
    const what = `${http.what}, node ${node}`;
    // Both are GET by the board's API: https://docs.turingpi.com/docs/turing-pi2-bmc-api
    const ask = async (query: string, signal: AbortSignal): Promise<unknown> => {
      const path = `/api/bmc?${query}`;
      const asked = { method: "GET", path, headers, deadline: DEADLINE } as const;
      const answer = await http.request(asked, signal);
      throwUnlessDone(answer, what, "node");
      return resultOf(answer.json);
    };
    return plugPower({
      what,
      answersWithin: { read: DEADLINE },
      read: async (signal) => {
        const state = nodeIn(await ask("opt=get&type=power", signal), `node${node}`);
        // Words in some versions, numbers in others.
        if (state === "1" || state === "0") return { on: state === "1" };
        throw notSuch(what, "the BMC of a Turing Pi 2");
      },
      set: async (on, signal) =>
        void (await ask(`opt=set&type=power&node${node}=${on ? 1 : 0}`, signal)),
      [Symbol.asyncDispose]: async () => http[Symbol.dispose](),
    });
  },
});

/** `{"response":[{"result": …}]}` */
function resultOf(json: unknown): unknown {
  const { response } = (json ?? {}) as { response?: unknown };
  const [first] = Array.isArray(response) ? (response as unknown[]) : [];
  return ((first ?? {}) as { result?: unknown }).result;
}

/** The nodes are in a list of one, or, in older versions, bare. */
function nodeIn(result: unknown, name: string): string {
  const nodes: unknown = Array.isArray(result) ? (result as unknown[])[0] : result;
  const state = ((nodes ?? {}) as Readonly<Record<string, unknown>>)[name];
  return typeof state === "number" || typeof state === "string" ? String(state) : "";
}

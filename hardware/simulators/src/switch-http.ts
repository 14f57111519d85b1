import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { SlotError } from "./slot-api.js";
import type { SwitchPorts } from "./switch-ports.js";

export const HTTP_DIALECTS = ["netio", "mikrotik", "openwrt"] as const;
/** `netio`: its JSON API 2.x. `mikrotik`: RouterOS's REST. `openwrt`: ubus with realtek-poe. */
export type HttpDialect = (typeof HTTP_DIALECTS)[number];

export interface HttpFrontOptions {
  readonly dialect: HttpDialect;
  readonly slots: number;
  /** Of the user `outrider`. */
  readonly password: string;
}

interface Said {
  readonly status: number;
  readonly json: unknown;
}
/** A slot that does not answer, before or after acting. */
type Answer = Said | "silence";

/** Serves the ports of a switch, or the outputs of a strip, by HTTP. */
export function switchServer(ports: SwitchPorts, options: HttpFrontOptions): Server {
  const front = new HttpFront(ports, options);
  return createServer((request, response) => {
    void bodyOf(request).then(async (body) => {
      const answer = await front.answer(request, body);
      if (answer === "silence") return;
      response.writeHead(answer.status, { "content-type": "application/json" });
      response.end(JSON.stringify(answer.json));
    });
  });
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request as AsyncIterable<Buffer>) text += chunk.toString("utf8");
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}

class HttpFront {
  /** As rpcd, it keeps every session. */
  readonly #sessions = new Set<string>();
  /** As RouterOS has it: how each port is switched on. */
  readonly #poeOut = new Map<number, string>();

  constructor(
    private readonly ports: SwitchPorts,
    private readonly options: HttpFrontOptions,
  ) {}

  async answer(request: IncomingMessage, body: Record<string, unknown>): Promise<Answer> {
    const { dialect, password } = this.options;
    const path = request.url ?? "/";
    if (dialect === "openwrt") return path === "/ubus" ? this.#ubus(body) : NOT_FOUND;
    const basic = `Basic ${Buffer.from(`outrider:${password}`).toString("base64")}`;
    if (request.headers.authorization !== basic) return { status: 401, json: { error: 401 } };
    if (dialect === "netio") return path === "/netio.json" ? this.#netio(body) : NOT_FOUND;
    return this.#routerOs(path, body);
  }

  async #netio(body: Record<string, unknown>): Promise<Answer> {
    const [asked] = (body["Outputs"] ?? []) as { ID: number; Action: number }[];
    const slots = this.#slots();
    if (asked && !slots.includes(asked.ID)) return { status: 400, json: {} };
    const act = asked && (["off", "on", "reboot"] as const)[asked.Action];
    if (asked && act) {
      const done = await this.#act(asked.ID, act);
      if (done !== "done")
        return done === "silence" ? done : { status: 403, json: { message: done } };
    } else if (slots.some((slot) => !this.ports.says(slot))) return "silence";
    return {
      status: 200,
      json: {
        Agent: { Model: "PowerPDU 4C", JSONVer: "2.1", NumOutputs: slots.length },
        Outputs: slots.map((slot) => {
          const { on, drawWatts } = this.ports.view(slot);
          return { ID: slot, State: on ? 1 : 0, Action: 6, Delay: 1000, Load: drawWatts };
        }),
      },
    };
  }

  /** Numbers are text, as RouterOS sends them. */
  async #routerOs(path: string, body: Record<string, unknown>): Promise<Answer> {
    const command = /^\/rest\/interface\/ethernet\/poe\/(monitor|set)$/.exec(path)?.[1];
    if (command === undefined) return NOT_FOUND;
    const name = String(body[command === "set" ? ".id" : "numbers"]);
    const slot = Number(/^ether(\d+)$/.exec(name)?.[1]);
    const fault = (detail: string): Said => ({
      status: 400,
      json: { error: 400, message: "Bad Request", detail },
    });
    if (!this.#slots().includes(slot)) return fault("no such item");
    if (command === "set") {
      const asked = String(body["poe-out"]);
      if (!["auto-on", "forced-on", "off"].includes(asked))
        return fault(`input does not match any value of poe-out`);
      const done = await this.#act(slot, asked === "off" ? "off" : "on");
      if (done === "silence") return done;
      if (done === "done" && asked !== "off") this.#poeOut.set(slot, asked);
      return done === "done" ? { status: 200, json: [] } : fault(done);
    }
    if (!this.ports.says(slot)) return "silence";
    const { on, enabled, drawWatts } = this.ports.view(slot);
    const row = {
      name,
      "poe-out": enabled ? (this.#poeOut.get(slot) ?? "auto-on") : "off",
      "poe-out-status": on ? "powered-on" : enabled ? "waiting-for-load" : "off",
      ...(on ? { "poe-out-voltage": "48.0", "poe-out-power": drawWatts.toFixed(1) } : {}),
    };
    return { status: 200, json: [row] };
  }

  async #ubus({ id, params }: Record<string, unknown>): Promise<Answer> {
    const said = (more: object): Said => ({ status: 200, json: { jsonrpc: "2.0", id, ...more } });
    const [session, object, method, args] = params as [
      string,
      string,
      string,
      Record<string, unknown>,
    ];
    if (object === "session" && method === "login") {
      if (args["password"] !== this.options.password) return said({ result: [6] });
      const made = randomUUID().replaceAll("-", "");
      this.#sessions.add(made);
      return said({ result: [0, { ubus_rpc_session: made, timeout: 300 }] });
    }
    if (!this.#sessions.has(session)) {
      return said({ error: { code: -32_002, message: "Access denied" } });
    }
    if (method === "manage") {
      const slot = Number(/^lan(\d+)$/.exec(String(args["port"]))?.[1]);
      if (!this.#slots().includes(slot)) return said({ result: [2] });
      const done = await this.#act(slot, args["enable"] === true ? "on" : "off");
      if (done === "silence") return done;
      return said({ result: done === "done" ? [0] : [9] });
    }
    if (this.#slots().some((slot) => !this.ports.says(slot))) return "silence";
    const rows = this.#slots().map((slot) => {
      const { on, enabled, drawWatts } = this.ports.view(slot);
      const status = on ? "Delivering power" : enabled ? "Searching" : "Disabled";
      return [`lan${slot}`, { priority: 2, status, ...(on ? { consumption: drawWatts } : {}) }];
    });
    return said({ result: [0, { firmware: "v17.1", ports: Object.fromEntries(rows) as object }] });
  }

  /** @returns the device's words when it says no */
  async #act(slot: number, asked: "on" | "off" | "reboot"): Promise<string> {
    if (!this.ports.answers(slot)) return "silence";
    try {
      await this.ports.ask(slot, asked);
    } catch (error) {
      if (error instanceof SlotError) return error.message;
      throw error;
    }
    return this.ports.says(slot) ? "done" : "silence";
  }

  #slots(): number[] {
    return Array.from({ length: this.options.slots }, (_, index) => index + 1);
  }
}

const NOT_FOUND: Said = { status: 404, json: { error: 404, message: "Not Found" } };

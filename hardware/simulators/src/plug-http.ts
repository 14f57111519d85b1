import { createServer, type Server } from "node:http";
import type { PlugRelays } from "./plug-relays.js";

export const HTTP_PLUGS = [
  "shelly-1",
  "shelly-2",
  "esphome",
  "home-assistant",
  "turing-pi-2",
] as const;
export type HttpPlug = (typeof HTTP_PLUGS)[number];

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
}
interface Said {
  readonly status: number;
  readonly json?: unknown;
}
/** Of those that demand one. */
const LOGINS: Readonly<Partial<Record<HttpPlug, string>>> = {
  "home-assistant": "Bearer canary-of-plugs",
  "turing-pi-2": `Basic ${Buffer.from("root:canary-of-plugs").toString("base64")}`,
};
const NOT_FOUND: Said = { status: 404 };

/** A plug that serves HTTP as its maker documents it; see docs/hardware/plugs.md for where. */
export function plugServer(kind: HttpPlug, relays: PlugRelays): Server {
  const answer = {
    "shelly-1": shelly1,
    "shelly-2": shelly2,
    esphome,
    "home-assistant": assistant,
    "turing-pi-2": turing,
  };
  return createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://plug");
      const asked = {
        method: request.method ?? "GET",
        path: url.pathname,
        query: url.searchParams,
        body: Buffer.concat(chunks).toString("utf8"),
      };
      const login = LOGINS[kind];
      const authorized = login === undefined || request.headers.authorization === login;
      const said = authorized ? answer[kind](asked, relays) : Promise.resolve({ status: 401 });
      void said.then(({ status, json }: Said) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(json === undefined ? "" : JSON.stringify(json));
      });
    });
  });
}

/** Gen1: `/relay/<n>?turn=on|off&timer=<s>`; the answer has the state before the meter knows. */
async function shelly1({ path, query, body }: Asked, relays: PlugRelays): Promise<Said> {
  if (path === "/status") {
    const power = (await relays.state(1))?.drawWatts ?? 0;
    return { status: 200, json: { meters: [{ power, is_valid: true }] } };
  }
  const channel = /^\/relay\/(\d+)$/.exec(path)?.[1];
  if (channel === undefined) return NOT_FOUND;
  const slot = Number(channel) + 1;
  if (slot > 2) return NOT_FOUND;
  const form = new URLSearchParams(body);
  const turn = form.get("turn") ?? query.get("turn");
  const timer = Number(form.get("timer") ?? query.get("timer") ?? 0);
  if (turn !== null) await relays.set(slot, turn === "on");
  if (turn !== null && timer > 0) relays.later(slot, turn !== "on", timer * 1000);
  const state = await relays.state(slot);
  return {
    status: 200,
    json: {
      ison: state?.on ?? false,
      has_timer: timer > 0,
      timer_started: 0,
      timer_duration: timer,
      timer_remaining: timer,
      source: "http",
    },
  };
}

/** Gen2: `/rpc/Switch.Set` and `/rpc/Switch.GetStatus`. */
async function shelly2({ path, query, body }: Asked, relays: PlugRelays): Promise<Said> {
  const params = (body === "" ? Object.fromEntries(query) : JSON.parse(body)) as {
    id?: number | string;
    on?: boolean;
    toggle_after?: number;
  };
  const id = Number(params.id ?? 0);
  const slot = id + 1;
  if (slot > 2) {
    return { status: 500, json: { code: -105, message: `Argument 'id', value ${id} not found!` } };
  }
  if (path === "/rpc/Switch.Set") {
    await relays.set(slot, params.on === true);
    if (params.toggle_after !== undefined) {
      relays.later(slot, params.on !== true, params.toggle_after * 1000);
    }
    return { status: 200, json: { was_on: params.on !== true } };
  }
  if (path !== "/rpc/Switch.GetStatus") return NOT_FOUND;
  const state = await relays.state(slot);
  return {
    status: 200,
    json: { id, source: "HTTP_in", output: state?.on ?? false, apower: state?.drawWatts ?? 0 },
  };
}

/** web_server, version 2: `/switch/<id>`, `/switch/<id>/turn_on`. */
async function esphome({ method, path }: Asked, relays: PlugRelays): Promise<Said> {
  const [, number, verb] = /^\/switch\/relay_(\d+)(?:\/(turn_on|turn_off))?$/.exec(path) ?? [];
  const slot = Number(number);
  if (number === undefined || slot > 2) return NOT_FOUND;
  if (verb !== undefined && method === "POST") {
    await relays.set(slot, verb === "turn_on");
    return { status: 200 };
  }
  const on = (await relays.state(slot))?.on ?? false;
  return {
    status: 200,
    json: { id: `switch-relay_${slot}`, value: on, state: on ? "ON" : "OFF" },
  };
}

/** `/api/states/<entity>`, `/api/services/switch/turn_on`. */
async function assistant({ path, body }: Asked, relays: PlugRelays): Promise<Said> {
  const slotOf = (entity: string): number => Number(/^switch\.slot_(\d)$/.exec(entity)?.[1] ?? 0);
  const verb = /^\/api\/services\/switch\/turn_(on|off)$/.exec(path)?.[1];
  if (verb !== undefined) {
    const slot = slotOf((JSON.parse(body) as { entity_id: string }).entity_id);
    if (slot > 0) await relays.set(slot, verb === "on");
    return { status: 200, json: [] };
  }
  const entity = /^\/api\/states\/(.+)$/.exec(path)?.[1] ?? "";
  const slot = slotOf(entity);
  if (slot === 0) return { status: 404, json: { message: "Entity not found." } };
  const on = (await relays.state(slot))?.on ?? false;
  return { status: 200, json: { entity_id: entity, state: on ? "on" : "off", attributes: {} } };
}

/** `/api/bmc?opt=get&type=power`, `/api/bmc?opt=set&type=power&node1=1`. */
async function turing({ path, query }: Asked, relays: PlugRelays): Promise<Said> {
  if (path !== "/api/bmc" || query.get("type") !== "power") return NOT_FOUND;
  if (query.get("opt") === "set") {
    for (const slot of [1, 2]) {
      const wanted = query.get(`node${slot}`);
      if (wanted !== null) await relays.set(slot, wanted === "1");
    }
    return { status: 200, json: { response: [{ result: "ok" }] } };
  }
  const states = await Promise.all([1, 2].map((slot) => relays.state(slot)));
  const [node1, node2] = states.map((state) => (state?.on === true ? "1" : "0"));
  const nodes = { node1, node2, node3: "0", node4: "0" };
  return { status: 200, json: { response: [{ result: [nodes] }] } };
}

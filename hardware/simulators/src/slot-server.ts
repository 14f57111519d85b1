import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { refuseBrowsers } from "./browsers.js";
import { serveConsole } from "./console-upgrade.js";
import type { EdgeLog } from "./edge-log.js";
import {
  HTTP_STATUS,
  SlotError,
  type SlotMachine,
  type SlotReading,
  type SlotSensors,
  type SlotView,
} from "./slot-api.js";
import {
  readBreak,
  readButton,
  readEdgesQuery,
  readFaults,
  readGuest,
  readSay,
  readSlots,
  readSupply,
} from "./slot-requests.js";

const BODY_LIMIT_BYTES = 65_536;

/** An answer, or `silence` where a fault keeps it back. */
type Answer = { readonly json: unknown } | "silence" | "no-mains";

/**
 * The slot API over HTTP. Faults and edges are this program's own controls: no fault silences them.
 * An exception that is no SlotError ends the process.
 */
export function slotServer(machine: SlotMachine, edges: EdgeLog): Server {
  // Longer than any client pauses: one that writes into a connection that is just being closed would have to try again.
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    void serve(machine, edges, request, response);
  });
  server.on("upgrade", (request, socket, head) => serveConsole(machine, request, socket, head));
  return server;
}

async function serve(
  machine: SlotMachine,
  edges: EdgeLog,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    refuseBrowsers(request);
    const url = new URL(request.url ?? "/", "http://slots");
    const answer = await answerTo(machine, edges, request, response, url);
    if (answer === "no-mains") request.socket.destroy();
    else if (answer !== "silence") send(response, 200, answer.json);
  } catch (error) {
    if (request.errored !== null) return; // The client left in the middle of its request.
    if (!(error instanceof SlotError)) throw error;
    send(response, HTTP_STATUS[error.code], {
      error: { code: error.code, message: error.message },
    });
  }
}

async function answerTo(
  machine: SlotMachine,
  edges: EdgeLog,
  request: IncomingMessage,
  response: ServerResponse,
  { pathname, searchParams }: URL,
): Promise<Answer> {
  switch (`${request.method} ${pathname}`) {
    case "GET /edges":
      return { json: await readEdges(edges, searchParams, response) };
    case "GET /readings":
      if (!machine.mains) return "no-mains";
      return { json: readings(machine, edges, readSlots(searchParams)) };
    case "GET /mains":
      return { json: { on: machine.mains } };
    case "PUT /mains":
      await machine.setMains(readSupply(await readBody(request)).on);
      return { json: { on: machine.mains } };
    default:
      return answerSlots(machine, edges, request, pathname);
  }
}

/** The device's word about many slots: one that a fault keeps silent, or that is not there, is left out. */
function readings(
  machine: SlotMachine,
  edges: EdgeLog,
  slots: readonly number[] | undefined,
): { seq: number; readings: SlotReading[] } {
  const views = slots ? slots.flatMap((slot) => viewOf(machine, slot)) : machine.slots();
  return {
    seq: edges.seq,
    readings: views
      .filter(({ slot }) => (machine.faults(slot).silent ?? false) === false)
      .map(({ slot, supply, host, drawWatts }) => ({
        slot,
        supply,
        host,
        drawWatts,
        seq: edges.newest(slot),
      })),
  };
}

function viewOf(machine: SlotMachine, slot: number): SlotView[] {
  try {
    return [machine.view(slot)];
  } catch (error) {
    if (error instanceof SlotError && error.code === "no-such-slot") return [];
    throw error;
  }
}

function readEdges(
  edges: EdgeLog,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<unknown> {
  const { since, slot, waitMs } = readEdgesQuery(query);
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  return edges.wait(since, slot, waitMs, gone.signal);
}

async function answerSlots(
  machine: SlotMachine,
  edges: EdgeLog,
  request: IncomingMessage,
  path: string,
): Promise<Answer> {
  if (path === "/slots") {
    if (request.method !== "GET") throw notFound(request, path);
    return { json: machine.slots() };
  }
  const match = /^\/slots\/(\d{1,5})(?:\/([a-z-]+))?$/.exec(path);
  if (!match) throw notFound(request, path);
  const slot = Number(match[1]);
  const { silent } = machine.faults(slot);
  const run = route(machine, edges, slot, `${request.method} ${match[2] ?? ""}`.trim());
  if (!run) throw notFound(request, path);
  const body = await readBody(request);
  if (run.control) return { json: await run.act(body) };
  if (!machine.mains) return "no-mains";
  if (silent === true) return "silence";
  const json = await run.act(body);
  return silent === "after-acting" ? "silence" : { json };
}

interface Route {
  act(body: unknown): unknown;
  /** Works whatever the slot's faults. */
  readonly control?: true;
}

function route(machine: SlotMachine, edges: EdgeLog, slot: number, key: string): Route | undefined {
  switch (key) {
    case "GET":
      return { act: () => ({ ...machine.view(slot), seq: edges.newest(slot) }) };
    case "PUT supply":
      return { act: (body) => machine.setSupply(slot, readSupply(body).on) };
    case "POST reset":
      return { act: () => machine.reset(slot) };
    case "POST nmi":
      return { act: () => machine.nmi(slot) };
    case "POST button":
      return { act: (body) => machine.button(slot, readButton(body).holdMs) };
    case "GET lamp":
      return { act: () => ({ on: machine.lamps.has(machine.view(slot).slot) }) };
    case "PUT lamp":
      return {
        act: (body) => {
          const { on } = readSupply(body);
          if (on) machine.lamps.add(machine.view(slot).slot);
          else machine.lamps.delete(slot);
          return { on };
        },
      };
    case "GET sensors":
      return { act: () => sensorsOf(machine.view(slot)) };
    case "GET console":
      return { control: true, act: () => machine.console(slot).counts };
    case "POST say":
      return {
        control: true,
        act: (body) => {
          machine.console(slot).output(readSay(body));
          return machine.console(slot).counts;
        },
      };
    case "POST break":
      return {
        act: async (body) => {
          await machine.sendBreak(slot, readBreak(body).ms);
          return machine.console(slot).counts;
        },
      };
    case "POST brown-out":
      return { control: true, act: () => machine.brownOut(slot) };
    case "POST guest":
      return { control: true, act: (body) => machine.guest(slot, readGuest(body).act) };
    case "GET faults":
      return { control: true, act: () => machine.faults(slot) };
    case "PUT faults":
      return {
        control: true,
        act: (body) => {
          machine.setFaults(slot, readFaults(body));
          return machine.faults(slot);
        },
      };
    default:
      return undefined;
  }
}

const SUPPLY_VOLTS = 5.1;
const AMBIENT_CELSIUS = 22;
const CELSIUS_PER_WATT = 5;

function sensorsOf({ supply, drawWatts }: SlotView): SlotSensors {
  const voltageVolts = supply === "on" ? SUPPLY_VOLTS : 0;
  const round = (value: number): number => Math.round(value * 1000) / 1000;
  return {
    voltageVolts,
    currentAmperes: round(supply === "on" ? drawWatts / SUPPLY_VOLTS : 0),
    powerWatts: drawWatts,
    temperatureCelsius: round(AMBIENT_CELSIUS + CELSIUS_PER_WATT * drawWatts),
  };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const text = await readText(request);
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new SlotError("bad-request", "body: not JSON", { cause });
  }
}

/** By events, because leaving an async iteration early destroys the connection before it is answered. */
function readText(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= BODY_LIMIT_BYTES) chunks.push(chunk);
      else reject(new SlotError("bad-request", `body: more than ${BODY_LIMIT_BYTES} bytes`));
    });
    request.once("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    request.once("error", reject);
  });
}

function send(response: ServerResponse, status: number, json: unknown): void {
  const text = JSON.stringify(json);
  // What comes after a request that is wrong may be the rest of it.
  response.shouldKeepAlive &&= status === 200;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

function notFound(request: IncomingMessage, path: string): SlotError {
  return new SlotError("not-found", `There is no ${request.method} ${path}.`);
}

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { check, MAX_DEPTH } from "@outrider/contracts/codec";
import { readJson } from "@outrider/contracts/json-text";
import type { ProblemCode } from "@outrider/contracts/service-plane";
import {
  AlarmsAsked,
  EventsAsked,
  LatestAsked,
  MeasurementsAsked,
  ReadingsAsked,
} from "@outrider/contracts/telemetry-pages";
import type { HttpHandler } from "@outrider/service-kit/listener";
import { isStorageError } from "@outrider/storage/storage-error";
import { StoreError } from "../store/store.js";
import { liveEvents, liveSensors, type LiveLines } from "./live.js";
import { NotOfMeasurement, readMeasurements } from "./measurements-page.js";
import { readReadings } from "./readings-page.js";
import type { TelemetrySources } from "./sources.js";

/** A question by the gateway: up to 100,000 node ids. */
const MAX_BODY_BYTES = 8_388_608;

type Page = (
  body: unknown,
  sources: TelemetrySources,
  signal: AbortSignal,
) => Promise<object | LiveLines>;

const PAGES: Readonly<Record<string, Page>> = {
  "/latest": page(LatestAsked, ({ nodes }, { latest }) => ({
    nodes: nodes.map((node) => latest.latest(node)),
  })),
  "/readings": page(ReadingsAsked, (asked, { store }, signal) =>
    readReadings(asked, store, signal),
  ),
  "/measurements": page(MeasurementsAsked, (asked, { store }, signal) =>
    readMeasurements(asked, store, signal),
  ),
  "/latest/live": page(LatestAsked, ({ nodes }, sources, signal) =>
    liveSensors(nodes, sources, signal),
  ),
  "/events/live": page(EventsAsked, (asked, sources, signal) => liveEvents(asked, sources, signal)),
  "/events": page(EventsAsked, (asked, { events }, signal) => events.events(asked, signal)),
  "/alarms": page(AlarmsAsked, (asked, { alarms }, signal) => alarms.alarms(asked, signal)),
};

/** Something that was asked and cannot be answered, as the gateway tells it. */
class Refused extends Error {
  override readonly name = "Refused";

  constructor(
    readonly code: ProblemCode,
    detail: string,
    readonly field?: string,
  ) {
    super(detail);
  }
}

/** What is read of telemetry by HTTP, see `telemetry-pages.ts` of the contracts. The gateway has checked who asks. */
export function telemetryPages(
  sources: TelemetrySources,
  defect: (error: unknown) => void,
): HttpHandler {
  return (request, response) => {
    const ended = new AbortController();
    response.once("close", () => ended.abort());
    answer(request, sources, ended.signal).then(
      (body) => {
        if (!(Symbol.asyncIterator in body)) return send(response, 200, body);
        sendLines(response, body).catch((error: unknown) => {
          // The reader has gone, or finds by the cut that what it waits for cannot be read.
          if (!ended.signal.aborted && !refusalOf(error)) defect(error);
        });
      },
      (error: unknown) => {
        if (ended.signal.aborted) return response.destroy();
        const refused = refusalOf(error);
        if (!refused) {
          send(response, 500, { code: "internal", detail: "a defect; the log has the details" });
          return defect(error);
        }
        const { code, message: detail, field } = refused;
        return send(response, STATUS[code] ?? 500, {
          code,
          detail,
          ...(field === undefined ? {} : { field }),
        });
      },
    );
  };
}

async function answer(
  request: IncomingMessage,
  sources: TelemetrySources,
  signal: AbortSignal,
): Promise<object | LiveLines> {
  const [path = ""] = (request.url ?? "/").split("?", 1);
  const wanted = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined;
  if (!wanted) throw new Refused("not-found", "there is no such page");
  if (request.method !== "POST") throw new Refused("invalid", "only POST is answered here");
  return wanted(await bodyOf(request), sources, signal);
}

function page<Asked extends object>(
  type: new () => Asked,
  show: (
    asked: Asked,
    sources: TelemetrySources,
    signal: AbortSignal,
  ) => object | Promise<object> | LiveLines,
): Page {
  return async (body, sources, signal) => {
    const read = check(type, body, true);
    if (!read.ok) throw new Refused("invalid", read.refusal.message, read.refusal.field);
    return show(read.value, sources, signal);
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.byteLength;
    if (length > MAX_BODY_BYTES) throw new Refused("too-large", "the question is too large");
    chunks.push(chunk);
  }
  const read = readJson(Buffer.concat(chunks).toString(), MAX_DEPTH);
  if ("problem" in read) throw new Refused("invalid", read.problem);
  return read.value;
}

function refusalOf(error: unknown): Refused | undefined {
  if (error instanceof Refused) return error;
  if (error instanceof NotOfMeasurement) return new Refused("invalid", error.message, error.field);
  if (error instanceof StoreError) {
    const code = error.code === "too-much" ? "too-large" : "unavailable";
    return new Refused(code, error.message, code === "too-large" ? "every" : undefined);
  }
  if (isStorageError(error)) {
    return new Refused("unavailable", "the database of the telemetry service does not answer");
  }
  return undefined;
}

const STATUS: Readonly<Partial<Record<ProblemCode, number>>> = {
  invalid: 422,
  "not-found": 404,
  "too-large": 413,
  unavailable: 503,
};

/** No faster than they are taken. */
function sendLines(response: ServerResponse, lines: LiveLines): Promise<void> {
  response.writeHead(200, { "content-type": "application/jsonl" });
  response.flushHeaders();
  return pipeline(Readable.from(lines, { highWaterMark: 1 }), response);
}

function send(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

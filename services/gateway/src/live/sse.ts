import type { FastifyReply, FastifyRequest } from "fastify";
import { Optional, Text } from "@outrider/contracts/decorators";
import { SECURITY_HEADERS } from "../http/answer.js";
import { admit, authorize } from "../http/admission.js";
import { checkOrigin, type Hosts } from "../http/origin.js";
import { readParameters } from "../http/shape.js";
import type { GatewayParts } from "../parts.js";
import { Feed, type Told } from "./feed.js";
import { LiveFilter } from "./live-filter.js";
import type { LiveClients } from "./clients.js";

export class LiveQuery {
  /** Node set: only these nodes. */
  @Optional() @Text(8000) nodes?: string;
  /** Only these kinds, separated by commas: `node`, `result`, `event`, `transition`, `lock`, `agent`, `service` … */
  @Optional() @Text(500) kinds?: string;
}

/** Serves `GET /api/v1/events`: Server-Sent Events (WHATWG HTML §9.2). */
export function sse(
  hosts: Hosts,
  parts: GatewayParts,
  clients: LiveClients,
): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  return async (request, reply) => {
    const { headers } = request;
    checkOrigin(headers, hosts, { navigation: false });
    const found = await admit(headers, request.ip, parts.people);
    const admitted = authorize(found, "read", undefined, parts.people);
    const query = readParameters(LiveQuery, request.query as object);
    const filter = new LiveFilter(query, admitted.subject, parts.mirror);
    const lastId = headers["last-event-id"];
    const seat = clients.sit(() => reply.raw.destroy(), admitted);
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      ...SECURITY_HEADERS,
      "content-type": "text/event-stream; charset=utf-8",
      "x-accel-buffering": "no",
    });
    const feed = new Feed(parts, filter, {
      send: (told) => void raw.write(frame(told)),
      get backlogBytes() {
        return raw.writableLength;
      },
      drop: () => raw.destroy(),
    });
    raw.on("error", () => raw.destroy());
    raw.once("close", () => {
      feed[Symbol.dispose]();
      seat[Symbol.dispose]();
    });
    feed.start(typeof lastId === "string" ? lastId : undefined);
  };
}

/** One event. JSON has no line ends of its own, so that nothing in it can begin another field. */
function frame({ id, ...told }: Told): string {
  return `event: ${told.kind}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(told)}\n\n`;
}

import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { ProblemCode } from "@outrider/contracts/service-plane";

const STATUSES: Readonly<Partial<Record<ProblemCode, readonly [number, string]>>> = {
  invalid: [422, "Unprocessable Content"],
  "not-found": [404, "Not Found"],
  "not-allowed": [403, "Forbidden"],
  "too-large": [413, "Content Too Large"],
  unavailable: [503, "Service Unavailable"],
};

/** A problem as the gateway reads it. */
export function refuse(response: ServerResponse, code: ProblemCode, detail: string): void {
  const [status] = STATUSES[code] ?? [500];
  response
    .writeHead(status, { "content-type": "application/json" })
    .end(JSON.stringify({ code, detail }));
}

/** The same to somebody who asked for an upgrade. */
export function refuseUpgrade(socket: Duplex, code: ProblemCode, detail: string): void {
  if (socket.destroyed) return;
  const [status, name] = STATUSES[code] ?? [500, "Internal Server Error"];
  const body = JSON.stringify({ code, detail });
  socket.end(
    [
      `HTTP/1.1 ${status} ${name}`,
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(body)}`,
      "connection: close",
      "",
      body,
    ].join("\r\n"),
  );
}

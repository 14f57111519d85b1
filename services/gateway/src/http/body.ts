import type { IncomingMessage } from "node:http";
import { MAX_DEPTH } from "@outrider/contracts/codec";
import { readJson, textOf } from "@outrider/contracts/json-text";
import { HttpProblem, malformed } from "./problem.js";

/** Largest body of a request by somebody who has not signed in yet, in bytes. */
export const MAX_STRANGER_BYTES = 4096;

/**
 * Reads a body up to `maxBytes`. What is larger is not read to its end: the connection is closed with the answer.
 * @throws HttpProblem 413
 */
export async function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.byteLength;
    if (length > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** @throws HttpProblem 400 that never repeats what stood there */
export function parseJson(bytes: Uint8Array): unknown {
  const text = textOf(bytes);
  if (text === undefined) throw malformed("the body is not valid UTF-8");
  const json = readJson(text.trim(), MAX_DEPTH);
  if ("problem" in json) throw malformed(json.problem.replace("the payload", "the body"));
  return json.value;
}

/** @throws HttpProblem 400 */
export function parseText(bytes: Uint8Array): string {
  const text = textOf(bytes);
  if (text === undefined) throw malformed("the body is not valid UTF-8");
  return text;
}

/** The media type of a Content-Type header, without its parameters and in lower case. */
export function mediaType(header: string | undefined): string | undefined {
  return header?.split(";", 1)[0]?.trim().toLowerCase() || undefined;
}

function tooLarge(maxBytes: number): HttpProblem {
  return new HttpProblem(
    "too-large",
    `the body is larger than ${maxBytes} bytes; send less at once`,
    { headers: { connection: "close" } },
  );
}

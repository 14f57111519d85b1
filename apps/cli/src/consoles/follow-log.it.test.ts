import { createServer, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { eventually } from "@outrider/testing/eventually";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Api } from "../api.js";
import type { Console } from "../console.js";
import { EXIT } from "../exit-code.js";
import { followLog } from "./follow-log.js";

const AT = "2026-11-23T08:00:00.000000Z";
const item = (position: number, text: string): string =>
  `${JSON.stringify({ at: AT, line: 1, position, text })}\n`;
const mark = (position: number, text: string): string =>
  `${JSON.stringify({ at: AT, position, mark: text })}\n`;
const refuse = (response: ServerResponse, status: number, code: string, detail: string): void => {
  response.writeHead(status, { "content-type": "application/problem+json" });
  response.end(JSON.stringify({ status, code, detail }));
};

let answers: ((response: ServerResponse) => void)[];
let queries: string[];
let stub: ReturnType<typeof createServer>;
let said: string;
let errors: string[];
let stop: AbortController;
beforeEach(async () => {
  answers = [];
  queries = [];
  errors = [];
  said = "";
  stop = new AbortController();
  stub = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "/", "http://stub");
    queries.push(searchParams.toString());
    const answer = answers.shift();
    if (!answer) return request.socket.destroy();
    return answer(response);
  }).listen(0, "127.0.0.1");
  await once(stub, "listening");
});
afterEach(() => {
  stub.closeAllConnections();
  stub.close();
});

function follow(query: Record<string, number>): Promise<never> {
  const output = new PassThrough();
  output.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const console = {
    error: (line: string) => void errors.push(line),
    interrupted: stop.signal,
    bytes: { output, outputIsTerminal: false },
  } as unknown as Console;
  const { port } = stub.address() as AddressInfo;
  const api = new Api({ url: `http://127.0.0.1:${port}`, name: "stub" }, stop.signal);
  return followLog(api, { node: "n1", query, json: false }, console);
}

it("goes on after the last line when the service was started anew, without one twice or left out", async () => {
  answers.push(
    (response) => {
      response.writeHead(200).write(item(0, "one") + mark(4, "first") + mark(4, "second"));
      // Cut in the middle of a line.
      response.write(item(4, "two") + item(8, "three").slice(0, 20), () => response.destroy());
    },
    (response) => refuse(response, 503, "unavailable", "the console service is away"),
    // From the beginning of the line on, with all that stands there.
    (response) =>
      void response
        .writeHead(200)
        .end(mark(4, "first") + mark(4, "second") + item(4, "two") + item(8, "three")),
    (response) => void response.writeHead(200).write(item(8, "three") + item(12, "four")),
  );
  const following = follow({ lines: 5 });
  const ended = following.catch((error: unknown) => error);
  await eventually("all has come", () => said.includes("four"));
  stop.abort(new Error("Ctrl-C"));
  expect(await ended).toMatchObject({ message: expect.stringContaining("Ctrl-C") as string });
  expect(said.replaceAll(`${AT} `, "")).toBe(
    "one\n[outrider: first]\n[outrider: second]\ntwo\nthree\nfour\n",
  );
  expect(queries).toEqual([
    "lines=5&format=jsonl&follow=true",
    "position=4&format=jsonl&follow=true",
    "position=4&format=jsonl&follow=true",
    "position=8&format=jsonl&follow=true",
  ]);
  expect(errors.length).toBeGreaterThan(1);
});

it("ends where it may not be read any more, and where it cannot begin", async () => {
  await expect(follow({})).rejects.toMatchObject({ exitCode: EXIT.unreachable });
  answers.push(
    (response) => void response.writeHead(200).end(item(0, "one")),
    (response) => refuse(response, 403, "not-allowed", "you may not"),
  );
  await expect(follow({})).rejects.toThrow("you may not");
});

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "@outrider/contracts/clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AddressPolicy } from "@outrider/service-kit/outbound/address-policy";
import type { HookContext, HookOutcome } from "./hook-outcome.js";
import { runWebhook, type Lookup } from "./webhook.js";

const context: HookContext = {
  hook: "drain",
  node: "n1",
  role: "storage",
  action: "ForceOff",
  actor: "user:anna",
  transition: "t1",
};

describe("a hook that is a webhook", () => {
  let server: Server;
  let port: number;
  const asked: { readonly url: string; readonly host: string; readonly body: string }[] = [];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  const local = new AddressPolicy([["127.0.0.0", 8]]);

  beforeEach(async () => {
    asked.length = 0;
    answer = (_, response) => response.end("fine");
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        asked.push({ url: request.url ?? "", host: request.headers.host ?? "", body });
        answer(request, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
  });

  afterEach(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });

  function run(
    url: string,
    rest: { policy?: AddressPolicy; lookup?: Lookup; deadlineMs?: number } = {},
  ): Promise<HookOutcome> {
    return runWebhook(url, context, {
      deadlineMs: rest.deadlineMs ?? 60_000,
      clock: systemClock,
      policy: rest.policy ?? local,
      signal: new AbortController().signal,
      ...(rest.lookup ? { lookup: rest.lookup } : {}),
    });
  }

  it("is asked with POST and JSON, under its name, at the address that was checked", async () => {
    const lookup: Lookup = async () => ["127.0.0.1"];
    expect(await run(`http://drainer.example:${port}/drain?x=1`, { lookup })).toEqual({ ok: true });
    expect(asked).toEqual([
      { url: "/drain?x=1", host: `drainer.example:${port}`, body: JSON.stringify(context) },
    ]);
  });

  it("is not asked where this host, its links or metadata would be reached (P17)", async () => {
    const policy = new AddressPolicy();
    for (const host of [
      "127.0.0.1",
      "localhost",
      "2130706433",
      "0x7f.1",
      "0177.0.0.1",
      "127.1",
      "0",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
      "[64:ff9b::127.0.0.1]",
      "169.254.169.254",
    ]) {
      const outcome = await run(`http://${host}:${port}/`, { policy });
      expect({ host, ...outcome }).toMatchObject({
        host,
        ok: false,
        detail: expect.stringContaining("may not reach"),
      });
    }
    expect(asked).toEqual([]);
  });

  it("is not asked where one of the addresses of its name is refused", async () => {
    const lookup: Lookup = async () => ["203.0.113.1", "127.0.0.1"];
    const outcome = await run(`http://two.example:${port}/`, {
      policy: new AddressPolicy(),
      lookup,
    });
    expect(outcome).toMatchObject({ ok: false, detail: expect.stringContaining("127.0.0.1") });
  });

  it("resolves a name once: one that changes its mind reaches nothing (P17)", async () => {
    let times = 0;
    const lookup: Lookup = async () => [times++ === 0 ? "127.0.0.1" : "127.0.0.99"];
    const only = new AddressPolicy([["127.0.0.1", 32]]);
    expect(await run(`http://rebinding.example:${port}/`, { policy: only, lookup })).toEqual({
      ok: true,
    });
    expect(times).toBe(1);
    expect(asked).toHaveLength(1);
    const again = await run(`http://rebinding.example:${port}/`, { policy: only, lookup });
    expect(again).toMatchObject({ ok: false });
    expect(asked).toHaveLength(1);
  });

  it("follows no redirect", async () => {
    answer = (_, response) => {
      response.writeHead(307, { location: `http://127.0.0.1:${port}/inner` });
      response.end();
    };
    const outcome = await run(`http://127.0.0.1:${port}/outer`);
    expect(outcome).toMatchObject({ ok: false, detail: expect.stringContaining("redirects") });
    expect(asked.map(({ url }) => url)).toEqual(["/outer"]);
  });

  it("fails with the status and the kind of the answer, and nothing of what it says", async () => {
    answer = (_, response) => {
      response.writeHead(503, { "content-type": "text/html; charset=utf-8" });
      response.end("the password is hunter2\n");
    };
    const url = `http://127.0.0.1:${port}/`;
    const host = `127.0.0.1:${port}`;
    expect(await run(url)).toEqual({ ok: false, detail: `${host} answered 503 (text/html)` });
    answer = (_, response) => {
      response.writeHead(404, { "content-type": "the password is hunter2" });
      response.end();
    };
    expect(await run(url)).toEqual({
      ok: false,
      detail: `${host} answered 404`,
      permanent: true,
    });
  });

  it("reads no answer without end", async () => {
    answer = (_, response) => {
      // Without end: only a cap comes to one.
      const more = (): void => {
        while (response.writable && response.write("x".repeat(16_384)));
      };
      response.on("drain", more);
      more();
    };
    expect(await run(`http://127.0.0.1:${port}/`)).toEqual({ ok: true });
  });

  it("is given up at its deadline", async () => {
    answer = () => {};
    const outcome = await run(`http://127.0.0.1:${port}/`, { deadlineMs: 1000 });
    expect(outcome).toMatchObject({ ok: false, detail: expect.stringContaining("within 1 s") });
  });

  it("is http or https, without credentials", async () => {
    for (const url of [
      "file:///etc/passwd",
      "gopher://x/",
      "nonsense",
      `http://a:b@127.0.0.1:${port}/`,
    ]) {
      expect({ url, ...(await run(url)) }).toMatchObject({ url, ok: false });
    }
    expect(asked).toEqual([]);
  });

  it("says that a name cannot be resolved, or nobody listens", async () => {
    const lookup: Lookup = async () => {
      throw new Error("ENOTFOUND");
    };
    expect(await run("http://nowhere.example/", { lookup })).toMatchObject({
      ok: false,
      detail: expect.stringContaining("could not be resolved"),
    });
    expect(await run("http://127.0.0.1:1/")).toMatchObject({
      ok: false,
      detail: expect.stringContaining("could not be asked"),
    });
  });
});

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { describeConsolePort } from "../testing/console-conformance.js";
import { openConsole, type ConsoleRig } from "../testing/console-rig.js";
import { failure } from "../testing/power-rig.js";
import { driver } from "./tcp.js";

/** A terminal server with one raw port. It answers `ping` with `pong`. */
async function startRig(unix: boolean): Promise<ConsoleRig> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const clients = new Set<Socket>();
  const heard: Buffer[] = [];
  let server: Server;
  let where: ListenOptions = unix ? { path: join(dir, "uart") } : { host: "127.0.0.1", port: 0 };
  const listen = async (): Promise<void> => {
    server = createServer((socket) => {
      clients.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => clients.delete(socket));
      socket.on("data", (bytes: Buffer) => {
        heard.push(bytes);
        if (bytes.includes("ping")) socket.write("pong");
      });
    });
    server.listen(where);
    await once(server, "listening");
    const bound = server.address();
    if (typeof bound === "object" && bound !== null)
      where = { host: "127.0.0.1", port: bound.port };
  };
  const close = async (): Promise<void> => {
    for (const socket of clients) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  await listen();
  return {
    driver,
    options: () => (unix ? { path: where.path } : { host: where.host, port: where.port }),
    get address() {
      return unix ? String(where.path) : `127.0.0.1:${where.port}`;
    },
    exclusive: false,
    dialogue: { type: "ping", expect: /pong/ },
    say: async (bytes) => {
      await expect.poll(() => clients.size).toBeGreaterThan(0);
      for (const socket of clients) socket.write(bytes);
    },
    heard: () => Promise.resolve(Buffer.concat(heard)),
    lose: close,
    restore: listen,
    freeze: async () => {
      await expect.poll(() => clients.size).toBeGreaterThan(0);
      for (const socket of clients) socket.pause();
      return {
        [Symbol.asyncDispose]: async () => {
          for (const socket of clients) socket.resume();
        },
      };
    },
    [Symbol.asyncDispose]: async () => {
      await close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

describeConsolePort("tcp", () => startRig(false));
describeConsolePort("tcp over a unix socket", () => startRig(true));

describe("tcp", () => {
  it.each([
    [{}, "exactly one of host, path"],
    [{ host: "10.0.0.7" }, "must be host and port, or path alone"],
    [{ port: 4001 }, "exactly one of host, path"],
    [{ path: "/run/uart", port: 1 }, "must be host and port, or path alone"],
    [{ host: "10.0.0.7", path: "/run/uart", port: 1 }, "exactly one"],
    [{ host: "10.0.0.7;reboot", port: 1 }, "The option host"],
    [{ host: "::1", port: 0 }, "The option port"],
    [{ path: "uart" }, "The option path"],
  ])("refuses the options %j", async (options, words) => {
    const error = await failure(openConsole({ driver, options: () => options }));
    expect(error).toMatchObject({ code: "invalid-options" });
    expect(error.message).toContain(words);
  });

  it.each([
    { host: "::1", port: 1 },
    { host: "console-1.example", port: 1, keepAliveSeconds: 0 },
  ])("takes the options %j", async (options) => {
    await using _ = await openConsole({ driver, options: () => options });
  });
});

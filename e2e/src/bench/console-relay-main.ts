import { openSync, constants } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { ReadStream } from "node:tty";

/**
 * Half of the least that a terminal server of two Node processes can be: `far PATH…` hands bytes between terminals and
 * TCP connections, `near PORT LINES` between people and the first. No log, no rights, no order among several.
 */

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Says which line it is for, in one byte, and then hands on. */
async function far(paths: readonly string[]): Promise<number> {
  const lines = paths.map((path) => {
    const line = new ReadStream(openSync(path, constants.O_RDWR | constants.O_NOCTTY));
    line.setRawMode(true);
    const people = new Set<Socket>();
    line.on("data", (bytes) => {
      for (const one of people) one.write(bytes);
    });
    return { line, people };
  });
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", (first: Buffer) => {
      const served = lines[first[0] ?? 0];
      if (!served) return void socket.destroy();
      if (first.length > 1) served.line.write(first.subarray(1));
      served.people.add(socket);
      socket.on("close", () => served.people.delete(socket));
      socket.on("data", (bytes: Buffer) => served.line.write(bytes));
    });
  });
  return listening(server);
}

async function near(port: number, lines: number): Promise<number[]> {
  return Promise.all(
    Array.from({ length: lines }, (_, line) =>
      listening(
        createServer({ noDelay: true }, (socket) => {
          const way = connect({ port, host: "127.0.0.1", noDelay: true });
          way.write(Buffer.of(line));
          socket.pipe(way).pipe(socket);
          for (const [one, other] of [
            [socket, way],
            [way, socket],
          ] as const) {
            one.on("error", () => other.destroy());
            one.on("close", () => other.destroy());
          }
        }),
      ),
    ),
  );
}

const [role, ...rest] = process.argv.slice(2);
const ready =
  role === "far"
    ? { port: await far(rest) }
    : { ports: await near(Number(rest[0]), Number(rest[1])) };
process.stdout.write(`${JSON.stringify({ ready: true, ...ready })}\n`);

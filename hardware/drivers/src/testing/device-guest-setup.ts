/**
 * Set-up of the integration tests: one guest with devices for all test files, started by the first that needs it. Each
 * file is a client on a socket and sends lines; what it has opened is closed when it leaves.
 */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { GuestPort } from "./device-guest.js";
import { startDeviceMachine, type DeviceMachine } from "./device-guest-machine.js";

/** Where test files find the socket. */
export const DEVICE_GUEST = "DEVICE_GUEST_SOCKET";

interface Asked {
  readonly socket: Socket;
  readonly id: number;
  readonly agent?: "second";
  readonly opens: boolean;
}
interface Request {
  readonly id: number;
  readonly do: string;
  readonly agent?: "second";
  readonly call?: number;
  readonly name?: string;
}

export async function setup(): Promise<() => Promise<void>> {
  const dir = mkdtempSync(join(tmpdir(), "dg-"));
  const path = join(dir, "s");
  let starting: Promise<DeviceMachine> | undefined;
  let ids = 0;
  const asked = new Map<number, Asked>();
  const handles = new Map<Socket, Map<number, "second" | undefined>>();
  const locks = new Map<string, Promise<void>>();
  const answer = (socket: Socket, word: object): void => {
    if (socket.writable) socket.write(`${JSON.stringify(word)}\n`);
  };
  const hear = (word: Record<string, unknown> | undefined): void => {
    if (word === undefined) {
      for (const { socket, id } of asked.values())
        answer(socket, { id, error: { message: "The guest has ended." } });
      return asked.clear();
    }
    const question = asked.get(Number(word["id"]));
    asked.delete(Number(word["id"]));
    if (question === undefined) return;
    if (question.opens && "answer" in word) {
      const { handle } = word["answer"] as GuestPort;
      handles.get(question.socket)?.set(handle, question.agent);
    }
    answer(question.socket, { ...word, id: question.id });
  };
  const start = async (): Promise<DeviceMachine> => {
    const machine = await startDeviceMachine();
    machine.hear(hear);
    return machine;
  };
  const serve = async (socket: Socket): Promise<void> => {
    socket.on("error", () => {});
    handles.set(socket, new Map());
    const released = Promise.withResolvers<void>();
    const machine = await (starting ??= start());
    answer(socket, { memory: machine.memory });
    socket.once("close", () => {
      released.resolve();
      for (const [handle, agent] of handles.get(socket) ?? [])
        machine.send(JSON.stringify({ id: (ids += 1), do: "close", handle, agent }));
      handles.delete(socket);
    });
    createInterface({ input: socket }).on("line", (line) => {
      const request = JSON.parse(line) as Request;
      if (request.do === "lock") {
        const name = request.name ?? "";
        const before = locks.get(name) ?? Promise.resolve();
        locks.set(
          name,
          before.then(() => released.promise),
        );
        return void before.then(() => answer(socket, { id: request.id, answer: null }));
      }
      const id = (ids += 1);
      const { agent } = request;
      const opens = request.do === "open";
      asked.set(id, { socket, id: request.id, opens, ...(agent ? { agent } : {}) });
      // What is aborted has another number in the guest.
      const call = [...asked].find(
        ([, own]) => own.socket === socket && own.id === request.call,
      )?.[0];
      machine.send(JSON.stringify({ ...request, id, ...(call === undefined ? {} : { call }) }));
    });
  };
  const server = createServer((socket) => {
    serve(socket).catch((error: Error) => answer(socket, { failed: error.message }));
  });
  server.listen(path);
  await once(server, "listening");
  process.env[DEVICE_GUEST] = path;
  return async () => {
    server.close();
    const machine = await starting?.catch(() => undefined);
    await machine?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  };
}

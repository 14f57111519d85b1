import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { eventually, within } from "@outrider/testing/eventually";
import { expect, test } from "vitest";
import { FRAME, FrameReader, frameOf, jsonFrame, LINK_VERSION, readJson } from "./frame.js";
import type { Log } from "./log.js";
import { makeAgent, SECRET, startService } from "./testing/link-pair.js";
import { MemoryLine } from "./testing/memory-line.js";

const UNKNOWN = 0x7e;

function keeper(): { readonly log: Log; readonly said: string[] } {
  const said: string[] = [];
  const keep = (_: object, text: string): void => void said.push(text);
  return { log: { info: keep, warn: keep, error: keep } as unknown as Log, said };
}

/** The types of frames that a socket says, as they come. */
function typesOf(socket: Socket): number[] {
  const types: number[] = [];
  const reader = new FrameReader();
  socket.on("data", (chunk: Buffer) => {
    for (const { type } of reader.push(chunk)) types.push(type);
  });
  socket.on("error", () => undefined);
  return types;
}

test.each([
  [LINK_VERSION + 8, true],
  [LINK_VERSION, false],
])("an agent of version %i that says something unknown is heard: %s", async (version, heard) => {
  const { log, said } = keeper();
  await using service = await startService(undefined, { log });
  const socket = connect(service.port, "127.0.0.1");
  const types = typesOf(socket);
  await once(socket, "connect", { signal: within() });
  const hello = { link: "outrider-console", version, agent: "agent:rack-a", secret: SECRET };
  socket.write(jsonFrame(FRAME.hello, hello));
  await eventually("it is let in", () => types.includes(FRAME.welcome));
  for (let time = 0; time < 3; time += 1) socket.write(frameOf(UNKNOWN, 40));
  const { address, source } = new MemoryLine();
  const { stream, first, next, began } = source;
  const condition = { up: true, abilities: [] };
  socket.write(
    jsonFrame(FRAME.announce, { console: 1, ...address, stream, first, next, began, condition }),
  );
  if (heard) {
    await eventually("it is announced", () => service.recorder.consoles.get("n1"));
    expect(said.filter((text) => text.includes("later version"))).toHaveLength(1);
    // What is known and wrong ends it, whatever the version.
    socket.write(frameOf(FRAME.gone, 1));
  }
  await eventually("it is cut off", () => socket.destroyed);
  expect(service.recorder.announced.get("n1")).toBe(heard ? 1 : undefined);
});

test("a service of a later version may say what an agent does not know", async () => {
  const sockets: Socket[] = [];
  const types: number[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const reader = new FrameReader();
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      for (const { type, payload } of reader.push(chunk)) {
        types.push(type);
        if (type !== FRAME.hello) continue;
        expect(readJson(payload)["version"]).toBe(LINK_VERSION);
        socket.write(jsonFrame(FRAME.welcome, { version: LINK_VERSION, speaks: LINK_VERSION + 1 }));
        socket.write(frameOf(UNKNOWN, 3));
        socket.write(frameOf(UNKNOWN, 3));
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { log, said } = keeper();
  const agent = makeAgent((server.address() as AddressInfo).port, { log });
  agent.add(new MemoryLine());
  agent.start();
  try {
    await eventually("its clock is asked after twice", () => {
      return types.filter((type) => type === FRAME.ping).length >= 2;
    });
    expect(types.filter((type) => type === FRAME.hello)).toHaveLength(1);
    expect(said.filter((text) => text.includes("later version"))).toHaveLength(1);
  } finally {
    await agent.stop();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

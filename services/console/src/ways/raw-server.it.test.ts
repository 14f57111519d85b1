import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { nodeId } from "@outrider/contracts/ids";
import { eventually } from "@outrider/testing/eventually";
import { findProgram, requirePeer } from "@outrider/testing/peers";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, test } from "vitest";
import { LoopbackDoor } from "../testing/loopback-door.js";
import { GOING_AT_ONCE, someBytes } from "../testing/going-at-once.js";
import { runProgram } from "../testing/run-program.js";
import { serving, type Serving } from "../testing/serving.js";
import { serveRaw, type WayParts } from "./raw-server.js";

const N1 = nodeId("n1");
const ALL = Uint8Array.from({ length: 4096 }, (_, at) => (at * 7 + (at >> 8)) & 255);
const serve = (door: LoopbackDoor): Promise<Serving> =>
  serving(door, (socket, parts) => serveRaw(socket, N1, parts));

async function connected(
  port: number,
): Promise<Socket & { got: () => Buffer; gotBytes: () => number }> {
  const socket = connect(port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return Object.assign(socket, {
    got: () => Buffer.concat(chunks),
    gotBytes: () => socket.bytesRead,
  });
}

describe("raw TCP", () => {
  test("nothing but the exact bytes goes either way", async () => {
    const door = new LoopbackDoor(N1);
    await using server = await serve(door);
    const socket = await connected(server.port);
    socket.write(ALL);
    const got = await eventually(
      "the echo",
      () => socket.got().length >= ALL.length && socket.got(),
    );
    expect(got.equals(ALL)).toBe(true);
    expect(door.far("n1").typed).toEqual([...ALL]);
    socket.destroy();
    await eventually("it is gone", () => door.far("n1").seats.length === 0);
  });

  test.skipIf(!requirePeer("socat", "apt-get install socat"))("socat has a console", async () => {
    const door = new LoopbackDoor(N1);
    await using server = await serve(door);
    const input = Buffer.from([0, 1, 3, 4, 13, 10, 17, 19, 26, 28, 127, 128, 255, 255, 0]);
    const ran = await runProgram("socat", ["-t1", "-", `TCP:127.0.0.1:${server.port}`], { input });
    expect(ran.stdout.equals(input)).toBe(true);
  });

  test.skipIf(!requirePeer("nc", "apt-get install netcat-openbsd"))(
    "nc has a console",
    async () => {
      const door = new LoopbackDoor(N1);
      await using server = await serve(door);
      const nc = findProgram("nc") ?? "nc";
      const ran = await runProgram(nc, ["-q", "1", "127.0.0.1", String(server.port)], {
        input: ALL,
      });
      expect(ran.stdout.equals(ALL)).toBe(true);
    },
  );

  describe.skipIf(!requirePeer("nc", "apt-get install netcat-openbsd"))("who goes at once", () => {
    for (const [name, goes] of Object.entries(GOING_AT_ONCE)) {
      test.each([6, 3000, 60_000])(`${name}: all of %i bytes are typed`, async (length) => {
        const door = new LoopbackDoor(N1);
        const far = door.far("n1");
        far.echo = false;
        far.pace = () => new Promise((resolve) => setImmediate(resolve));
        const admitted = Promise.withResolvers<void>();
        door.admitting = admitted.promise;
        await using server = await serve(door);
        const going = goes(server.port, someBytes(length));
        // They are gone, or have said all, before they were let in.
        if (name === "nc -N") await server.heard("end");
        else await going;
        admitted.resolve();
        await going;
        await eventually("they have left", () => far.seats.length === 0 && far.typed.length > 0);
        expect(Buffer.from(far.typed).equals(someBytes(length))).toBe(true);
      });
    }

    test("a machine that takes nothing is not waited for without end", async () => {
      const door = new LoopbackDoor(N1);
      const far = door.far("n1");
      far.pace = () => new Promise(() => undefined);
      const clock = new VirtualClock();
      await using server = await serving(
        door,
        (socket, parts) => serveRaw(socket, N1, parts),
        clock,
      );
      const socket = await connected(server.port);
      await eventually("they are there", () => far.writer);
      socket.end("reboot\r");
      await server.heard("end");
      await clock.advance(60_000);
      expect(far.seats).toHaveLength(1);
      await clock.advance(61_000);
      await eventually("they have left", () => far.seats.length === 0);
      socket.destroy();
    });
  });

  test("one address has sixteen connections at most, and a few more a minute than that", async () => {
    const door = new LoopbackDoor(N1);
    const clock = new VirtualClock();
    const serveIt = (socket: Socket, parts: WayParts): void => serveRaw(socket, N1, parts);
    await using server = await serving(door, serveIt, clock);
    const held = [];
    for (let count = 0; count < 16; count++) held.push(await connected(server.port));
    await eventually("they are there", () => door.attached.length === 16);
    const further = await connected(server.port);
    await eventually("it is cut off", () => further.closed || further.readableEnded);
    for (const socket of [...held, further]) socket.destroy();
    await eventually("they have left", () => door.far("n1").seats.length === 0);
    for (let count = 0; count < 100; count++) {
      const one = await connected(server.port);
      one.end();
      await eventually("it is over", () => one.closed);
    }
    expect(door.attached.length).toBeLessThanOrEqual(30);
    await clock.advance(2000);
    const later = await connected(server.port);
    await eventually("it is let in", () => door.far("n1").seats.length === 1);
    later.destroy();
  });

  test("the second looks on, and types once the first has gone", async () => {
    const door = new LoopbackDoor(N1);
    await using server = await serve(door);
    const first = await connected(server.port);
    await eventually("the first is there", () => door.far("n1").seats.length === 1);
    const second = await connected(server.port);
    await eventually("the second is there", () => door.far("n1").seats.length === 2);
    second.write("x");
    first.write("a");
    await eventually("both see it", () => second.got().length > 0 && first.got().length > 0);
    expect(door.far("n1").typedText()).toBe("a");
    first.destroy();
    await eventually("the first is gone", () => door.far("n1").seats.length === 1);
    await eventually("the second types", () => {
      second.write("b");
      return door.far("n1").typedText().includes("b");
    });
    second.destroy();
  });

  test("(P13) (P14) a web browser that was sent to the port types nothing", async () => {
    const door = new LoopbackDoor(N1);
    await using server = await serve(door);
    const answer = await fetch(`http://127.0.0.1:${server.port}/`, {
      method: "POST",
      body: "reboot\r",
    }).catch((error: unknown) => error);
    expect(answer).toBeInstanceOf(Error);
    const tls = await fetch(`https://127.0.0.1:${server.port}/`).catch((error: unknown) => error);
    expect(tls).toBeInstanceOf(Error);
    expect(door.far("n1").typed).toEqual([]);
  });

  test("a far end that does not read stops nobody else, and holds little", async () => {
    const door = new LoopbackDoor(N1);
    await using server = await serve(door);
    const frozen = connect(server.port, "127.0.0.1").pause();
    await once(frozen, "connect");
    const other = await connected(server.port);
    await eventually("both are there", () => door.far("n1").seats.length === 2);
    const chunk = new Uint8Array(65_536).fill(46);
    let said = 0;
    for (let time = 0; time < 400; time++) {
      door.far("n1").says(chunk);
      said += chunk.length;
      const so = said;
      await eventually("the other reads on", () => other.gotBytes() === so);
    }
    frozen.destroy();
    other.destroy();
    await eventually("both are gone", () => door.far("n1").seats.length === 0);
  });

  test("a console that is not there ends the connection without a byte", async () => {
    const door = new LoopbackDoor();
    await using server = await serve(door);
    const socket = await connected(server.port);
    await eventually("it is closed", () => socket.destroyed || socket.readableEnded);
    expect(socket.got().length).toBe(0);
    socket.destroy();
  });
});

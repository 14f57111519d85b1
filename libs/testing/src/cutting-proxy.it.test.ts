import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startCuttingProxy, type CuttingProxy } from "./cutting-proxy.js";
import { eventually } from "./eventually.js";

let server: Server;
let proxy: CuttingProxy;
let served: Socket[];
let heard: string;

/** A client that notes what it hears and how it ends. */
function client(): { socket: Socket; heard: () => string; ended: () => string | undefined } {
  const socket = connect({ host: "127.0.0.1", port: proxy.port });
  let text = "";
  let end: string | undefined;
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  socket.on("error", (error: NodeJS.ErrnoException) => (end = error.code));
  socket.on("close", () => (end ??= "closed"));
  return { socket, heard: () => text, ended: () => end };
}

beforeEach(async () => {
  served = [];
  heard = "";
  server = createServer((socket) => {
    served.push(socket);
    socket.on("error", () => undefined);
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      heard += chunk;
      socket.write(chunk.toUpperCase());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy = await startCuttingProxy((server.address() as AddressInfo).port);
});
afterEach(async () => {
  await proxy.close();
  for (const socket of served) socket.destroy();
  server.close();
});

test("passes everything on when all is well", async () => {
  const { socket, heard: answer } = client();
  socket.write("hello");
  await eventually("the echo", () => answer() === "HELLO");
  expect(proxy.open).toBe(1);
  socket.destroy();
  await eventually("the other end hears of the end", () => proxy.open === 0);
});

test("a cut ends connections and refuses new ones until it is healed", async () => {
  const one = client();
  one.socket.write("a");
  await eventually("the echo", () => one.heard() === "A");
  proxy.cut();
  await eventually("the end", one.ended);
  const two = client();
  await eventually("the refusal", two.ended);
  expect(served).toHaveLength(1);
  proxy.heal();
  const three = client();
  three.socket.write("c");
  await eventually("the echo", () => three.heard() === "C");
});

test("a reset is one, and new connections are accepted", async () => {
  const one = client();
  one.socket.write("a");
  await eventually("the echo", () => one.heard() === "A");
  proxy.reset();
  await eventually("the reset", () => one.ended() === "ECONNRESET");
  const two = client();
  two.socket.write("b");
  await eventually("the echo", () => two.heard() === "B");
  expect(two.ended()).toBeUndefined();
});

test.each(["up", "down"] as const)(
  "a black hole %s swallows one direction, and what it ate stays lost",
  async (way) => {
    const { socket, heard: answer, ended } = client();
    socket.write("a");
    await eventually("the echo", () => answer() === "A");
    proxy.blackhole(way);
    socket.write("b");
    await eventually("it is eaten", () => proxy.swallowedBytes === 1);
    const other = client();
    other.socket.write("c");
    await eventually("so is that of a new connection", () => proxy.swallowedBytes === 2);
    expect(ended()).toBeUndefined();
    proxy.heal();
    await eventually("the stream with a hole in it ends", ended);
    expect(answer()).toBe("A");
    expect(heard).toBe(way === "down" ? "abc" : "a");
  },
);

test("what is held comes later, whole and in order", async () => {
  const { socket, heard: answer } = client();
  socket.write("a");
  await eventually("the echo", () => answer() === "A");
  proxy.hold("down");
  socket.write("b");
  await eventually("the server hears", () => heard === "ab");
  socket.write("c");
  await eventually("the server hears", () => heard === "abc");
  expect(answer()).toBe("A");
  proxy.heal();
  await eventually("the rest", () => answer() === "ABC");
});

test("delayed bytes keep their order", async () => {
  const { socket, heard: answer } = client();
  proxy.delay(30);
  for (const letter of "abcdefgh") {
    socket.write(letter);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually("all of it", () => answer().length === 8);
  expect(answer()).toBe("ABCDEFGH");
});

test("a line that trickles keeps whoever sends waiting, and loses nothing", async () => {
  const { socket, heard: answer, ended } = client();
  socket.write("a");
  await eventually("the echo", () => answer() === "A");
  proxy.trickle(200);
  const sent = "b".repeat(32_000_000);
  socket.write(sent);
  await eventually("some of it", () => heard.length > 20);
  expect(heard.length).toBeLessThan(20_000);
  expect(socket.writableLength).toBeGreaterThan(0);
  proxy.heal();
  await eventually("all of it", () => answer().length === sent.length + 1);
  expect(heard).toBe(`a${sent}`);
  expect(ended()).toBeUndefined();
});

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { milliseconds } from "@outrider/contracts/clock";
import { eventually } from "@outrider/testing/eventually";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterEach, beforeEach, expect, test } from "vitest";
import { frameOf, PAYLOAD_AT } from "./frame.js";
import { LinkSocket } from "./link-socket.js";
import { LINK_TIMING } from "./timing.js";

let clock: VirtualClock;
let link: LinkSocket;
let near: Socket;
let far: Socket;
let heard: Buffer[];
let close: () => void;

beforeEach(async () => {
  clock = new VirtualClock();
  heard = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => heard.push(chunk));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  near = connect(address.port, "127.0.0.1");
  await once(near, "connect");
  // Not the one of the test before.
  [far] = await accepted;
  link = new LinkSocket(near, {
    clock,
    nowMicros: () => 0,
    timing: LINK_TIMING,
    onFrame: () => {},
    onEnd: () => {},
  });
  close = () => server.close();
});
afterEach(() => {
  link.end("the test is over");
  far.destroy();
  close();
});

function frame(payload: string): Buffer {
  const made = frameOf(0x13, payload.length);
  made.write(payload, PAYLOAD_AT);
  return made;
}
const order = (): string[] =>
  Buffer.concat(heard)
    .toString("latin1")
    .match(/[a-z]+/g) ?? [];

test("what can wait goes behind the next frame that cannot", async () => {
  link.sendLater(frame("done"));
  link.send(frame("echo"));
  link.send(frame("more"));
  await eventually("all is there", () => order().length === 3 || undefined);
  expect(order()).toEqual(["echo", "done", "more"]);
});

test("the first frame of a turn is with the system before the turn is over", () => {
  const before = near.bytesWritten;
  link.send(frame("echo"));
  expect(near.bytesWritten - before).toBe(frame("echo").length);
  expect(near.writableLength).toBe(0);
  link.send(frame("next"));
  expect(near.writableLength).toBe(frame("next").length);
});

test("what can wait goes alone after a moment", async () => {
  link.sendLater(frame("one"));
  link.sendLater(frame("two"));
  await clock.advance(milliseconds(2));
  await eventually("both are there", () => order().length === 2 || undefined);
  expect(order().toSorted()).toEqual(["one", "two"]);
  link.sendLater(frame("three"));
  await clock.advance(milliseconds(2));
  await eventually("the third is there", () => order().length === 3 || undefined);
});

test("what can wait is not kept without a bound", async () => {
  for (let count = 0; count < 200; count++) link.sendLater(frame("x"));
  await eventually("most of them are there", () => order().length >= 192 || undefined);
});

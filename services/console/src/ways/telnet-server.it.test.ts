import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { nodeId } from "@outrider/contracts/ids";
import { eventually } from "@outrider/testing/eventually";
import { requirePeer } from "@outrider/testing/peers";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { LoopbackDoor } from "../testing/loopback-door.js";
import { someBytes } from "../testing/going-at-once.js";
import { PASSWORD, peopleUnderTest, type PeopleUnderTest } from "../testing/people-under-test.js";
import { runProgram } from "../testing/run-program.js";
import { serving, type Serving } from "../testing/serving.js";
import { serveTelnet } from "./telnet-server.js";

const N1 = nodeId("n1");
const door = new LoopbackDoor(N1);
const far = door.far("n1");
let people: PeopleUnderTest;
let server: Serving;

beforeAll(async () => {
  people = await peopleUnderTest();
  server = await serving(door, (socket, parts) => {
    serveTelnet(socket, N1, { ...parts, desk: people.desk });
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await people[Symbol.asyncDispose]();
});
beforeEach(async () => {
  far.echo = true;
  far.pace = undefined;
  await eventually("nobody is there", () => far.seats.length === 0);
});

async function connected(): Promise<{ socket: Socket; said: () => string }> {
  const socket = connect(server.port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => undefined);
  // A try that fails leaves nobody at the console.
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  return { socket, said: () => Buffer.concat(chunks).toString("latin1") };
}

const count = (text: string, part: string): number => text.split(part).length - 1;

describe.skipIf(
  !requirePeer("telnet", "apt-get install telnet") ||
    !requirePeer("expect", "apt-get install expect"),
)("telnet for Debian's client", () => {
  test("name, password that is not shown, typing, the client's break and AYT, and its own way out", async () => {
    far.typed.length = 0;
    far.did.length = 0;
    far.past = Buffer.from("ready> ");
    const ran = await runProgram("expect", [
      "-c",
      `
set timeout 20
spawn telnet 127.0.0.1 ${server.port}
expect "Outrider user: "
send "ada\\r"
expect "Password: "
send "${PASSWORD}\\r"
expect "ready> "
send "uptime\\r"
expect "uptime"
send "\\035"
expect "telnet>"
send "send brk\\r"
send "\\035"
expect "telnet>"
send "send ayt\\r"
expect "outrider: yes"
send "\\035"
expect "telnet>"
send "quit\\r"
expect eof
`,
    ]);
    const shown = ran.stdout.toString("latin1");
    expect(shown).not.toContain(PASSWORD);
    expect(far.typedText()).toBe("uptime\r");
    expect(far.did).toContain("break");
    await eventually("she has left", () => far.seats.length === 0);
    expect(people.audited.at(-1)).toMatchObject({
      actor: "person:ada",
      via: "cli",
      data: { way: "telnet", method: "password" },
    });
  });
});

describe("telnet for clients that negotiate nothing", () => {
  test("what is typed while the password is looked at is not lost", async () => {
    far.typed.length = 0;
    const { socket } = await connected();
    socket.write(`ada\r\n${PASSWORD}\r\nls\r\n`);
    await eventually("it is typed", () => far.typedText() === "ls\r");
    socket.destroy();
    await eventually("she has left", () => far.seats.length === 0);
  });

  test("who types and goes at once has typed it", async () => {
    far.typed.length = 0;
    far.echo = false;
    far.pace = () => new Promise((resolve) => setImmediate(resolve));
    const { socket } = await connected();
    const text = someBytes(60_000).toString("latin1");
    socket.end(`ada\r\n${PASSWORD}\r\n${text}`);
    await eventually("she has left", () => far.seats.length === 0 && far.typed.length > 0);
    expect(far.typedText() === text).toBe(true);
    far.echo = true;
    far.pace = undefined;
    socket.destroy();
  });

  test("three wrong passwords end it, each with the reason, and nothing was typed", async () => {
    far.typed.length = 0;
    const { socket, said } = await connected();
    const closed = once(socket, "close");
    for (let tries = 1; tries <= 3; tries++) {
      socket.write("ada\rnot-the-password\r");
      await eventually("it is told", () => count(said(), "wrong password") === tries);
    }
    await closed;
    expect(far.typed).toEqual([]);
  });

  test("whoever has a one-time password, or not the right, is told so", async () => {
    const eve = await connected();
    eve.socket.write(`eve\r${PASSWORD}\r`);
    await eventually("eve is told", () => eve.said().includes("one-time password"));
    eve.socket.destroy();
    const vic = await connected();
    vic.socket.write(`vic\r${PASSWORD}\r`);
    await eventually("vic is told", () => vic.said().includes("console-read"));
    await eventually("and it ends", () => vic.socket.destroyed || vic.socket.readableEnded);
    expect(far.seats).toEqual([]);
  });

  test("(P19) floods of negotiation, endless lines and subnegotiations hold nothing up", async () => {
    const hostile = await connected();
    const flood = Buffer.alloc(300_000);
    for (let at = 0; at < flood.length; at += 3) flood.set([255, 253, at % 250], at);
    hostile.socket.write(flood);
    hostile.socket.write(Buffer.concat([Buffer.from([255, 250, 44]), Buffer.alloc(300_000, 65)]));
    const endless = await connected();
    endless.socket.write(Buffer.alloc(500_000, 65));
    const good = await connected();
    good.socket.write(`ada\r${PASSWORD}\r`);
    await eventually("ada gets in", () => far.seats.length === 1);
    for (const { socket } of [hostile, endless, good]) socket.destroy();
    await eventually("all are gone", () => far.seats.length === 0);
  });

  test("(P19) nobody holds a port for more than a minute without signing in", async () => {
    const clock = new VirtualClock();
    await using slow = await serving(
      door,
      (socket, parts) => serveTelnet(socket, N1, { ...parts, desk: people.desk }),
      clock,
    );
    const socket = connect(slow.port, "127.0.0.1").resume();
    await eventually("it is asked", () => socket.bytesRead > 0);
    socket.write("ad");
    await clock.advance(61_000);
    await eventually("it is closed", () => socket.closed);
  });
});

test("(P19) whoever sends nothing but empty names is sent away, and the server goes on", async () => {
  const { socket } = await connected();
  const closed = once(socket, "close");
  socket.write(Buffer.alloc(65_536, 0x0d));
  await closed;
  const next = await connected();
  await eventually("it asks again", () => next.said().includes("Outrider user: "));
  next.socket.destroy();
});

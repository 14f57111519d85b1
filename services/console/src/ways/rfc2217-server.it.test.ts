import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeId } from "@outrider/contracts/ids";
import { startProgram } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { requirePeer } from "@outrider/testing/peers";
import { tempDir } from "@outrider/testing/temp-dir";
import { describe, expect, test } from "vitest";
import { LoopbackDoor } from "../testing/loopback-door.js";
import { GOING_AT_ONCE, pyserialGoes, someBytes } from "../testing/going-at-once.js";
import { PYTHON, requirePyserial } from "../testing/python.js";
import { runProgram } from "../testing/run-program.js";
import { serving, type Serving } from "../testing/serving.js";
import { serveRfc2217 } from "./rfc2217-server.js";

const N1 = nodeId("n1");
const serve = (door: LoopbackDoor): Promise<Serving> =>
  serving(door, (socket, parts) => serveRfc2217(socket, N1, parts));

async function python(port: number, script: string): Promise<string> {
  const program = `import serial, sys, time\nport = serial.serial_for_url('rfc2217://127.0.0.1:${port}?timeout=10', do_not_open=True, timeout=10)\n${script}`;
  const ran = await runProgram(PYTHON, ["-c", program]);
  if (ran.code !== 0) throw new Error(ran.stderr);
  return ran.stdout.toString();
}

describe.skipIf(!requirePyserial())("RFC 2217 for who goes at once", () => {
  for (const [name, goes] of Object.entries({ ...GOING_AT_ONCE, pyserial: pyserialGoes })) {
    test.each([6, 3000, 60_000])(`${name}: all of %i bytes are typed`, async (length) => {
      const door = new LoopbackDoor(N1);
      const far = door.far("n1");
      far.echo = false;
      far.pace = () => new Promise((resolve) => setImmediate(resolve));
      await using server = await serve(door);
      await goes(server.port, someBytes(length));
      await eventually("they have left", () => far.seats.length === 0 && far.typed.length > 0);
      expect(Buffer.from(far.typed).equals(someBytes(length))).toBe(true);
    });
  }
});

describe.skipIf(!requirePyserial())("RFC 2217 for pyserial", () => {
  test("all bytes come through, and the line is set as asked", async () => {
    const door = new LoopbackDoor(N1);
    await using server = await serve(door);
    const said = await python(
      server.port,
      `
port.baudrate = 9600
port.open()
all = bytes(range(256)) * 16
port.write(all)
back = port.read(len(all))
print(back == all)
port.baudrate = 1500000
port.parity = serial.PARITY_EVEN
port.bytesize = 7
port.stopbits = 2
port.rtscts = True
print(port.baudrate)
port.close()`,
    );
    expect(said.split("\n").slice(0, 2)).toEqual(["True", "1500000"]);
    expect(door.far("n1").line).toEqual({
      baudRate: 1_500_000,
      dataBits: 7,
      parity: "even",
      stopBits: 2,
      flowControl: "rts-cts",
    });
    const lines = door.far("n1").did.filter((act) => act.startsWith("line"));
    // Opening the port sets everything at once, and the wire is switched once.
    expect(lines[0]).toBe("line 9600,8n1,none");
    expect(door.far("n1").typed.length).toBe(4096);
  });

  test("break, control lines and purge reach the device in the order in which they were asked", async () => {
    const door = new LoopbackDoor(N1);
    await using server = await serve(door);
    await python(
      server.port,
      `
port.open()
port.dtr = False
port.rts = False
port.dtr = True
port.break_condition = True
port.break_condition = False
port.reset_input_buffer()
port.reset_output_buffer()
port.close()`,
    );
    const { did } = door.far("n1");
    const from = did.indexOf('control {"dtr":false}');
    expect(did.slice(from, from + 7)).toEqual([
      'control {"dtr":false}',
      'control {"rts":false}',
      'control {"dtr":true}',
      "break on",
      "break off",
      "purge receive",
      "purge transmit",
    ]);
  });

  test("the modem lines are told, and each change of them", async () => {
    const door = new LoopbackDoor(N1);
    door.far("n1").modem = { cts: true, dsr: false, ri: false, dcd: true };
    door.far("n1").echo = false;
    await using server = await serve(door);
    const saying = python(
      server.port,
      `
port.open()
print(port.cts, port.dsr, port.ri, port.cd)
port.write(b'go')
port.read(1)
for attempt in range(100):
    if port.dsr: break
    time.sleep(0.05)
print(port.cts, port.dsr, port.ri, port.cd)
port.close()`,
    );
    await eventually("it asks for more", () => door.far("n1").typedText() === "go");
    door.far("n1").raises({ cts: false, dsr: true, ri: true, dcd: false });
    door.far("n1").says("x");
    expect((await saying).trim().split("\n")).toEqual([
      "True False False True",
      "False True True False",
    ]);
  });

  test("a console that has no wire of its own is a port that can be opened and set", async () => {
    const door = new LoopbackDoor(N1);
    door.far("n1").line = undefined;
    await using server = await serve(door);
    const said = await python(
      server.port,
      `
port.baudrate = 57600
port.open()
port.baudrate = 300
port.write(b'hello')
print(port.read(5), port.cts)
port.close()`,
    );
    expect(said.trim()).toBe("b'hello' True");
  });

  test("what the device cannot do is answered with what is, and pyserial says so", async () => {
    const door = new LoopbackDoor(N1);
    door.far("n1").maxBaudRate = 115_200;
    await using server = await serve(door);
    const said = await python(
      server.port,
      `
port.baudrate = 115200
port.open()
try:
    port.baudrate = 921600
    print('taken')
except ValueError as error:
    print(error)
port.close()`,
    );
    expect(said).toContain("remote rejected value for option 'baudrate'");
    expect(door.far("n1").line?.baudRate).toBe(115_200);
  });

  test("while somebody else types it looks on, and its settings change nothing", async () => {
    const door = new LoopbackDoor(N1);
    await using server = await serve(door);
    const writer = connect(server.port, "127.0.0.1").on("data", () => undefined);
    await once(writer, "connect");
    await eventually("somebody types", () => door.far("n1").writer);
    const saying = python(
      server.port,
      `
port.baudrate = 115200
port.open()
print(port.read(5))
try:
    port.baudrate = 9600
except ValueError as error:
    print('refused')
port.close()`,
    );
    await eventually("it looks on", () => door.far("n1").seats.length === 2);
    await eventually(
      "it has the bytes",
      async () => {
        door.far("n1").says("hello");
        return (await Promise.race([saying, Promise.resolve("")])) !== "";
      },
      { everyMs: 200 },
    );
    expect((await saying).trim().split("\n")).toEqual(["b'hello'", "refused"]);
    expect(door.far("n1").line?.baudRate).toBe(115_200);
    writer.destroy();
  });
});

describe("RFC 2217 for anybody", () => {
  const COM_PORT = (...bytes: number[]): Buffer => Buffer.from([255, 250, 44, ...bytes, 255, 240]);

  test("data is held back while it is suspended, and comes whole and in order afterwards", async () => {
    const door = new LoopbackDoor(N1);
    await using server = await serve(door);
    const { socket, got } = await connected(server.port);
    socket.write(Buffer.from([255, 251, 44]));
    socket.write(COM_PORT(8));
    // Answered after what came before it.
    socket.write(COM_PORT(5, 4));
    await eventually("the break state is told", () => got().includes(COM_PORT(105, 6)));
    const numbers = Array.from({ length: 50 }, (_, at_) => `line ${at_};`);
    for (const line of numbers) door.far("n1").says(line);
    await eventually("it is held", () => (door.far("n1").seats[0]?.heldBytes ?? 0) > 0);
    const before = got().length;
    socket.write(COM_PORT(9));
    await eventually("all comes", () => got().includes("line 49;"));
    expect(got().subarray(before).toString("latin1")).toBe(numbers.join(""));
    socket.destroy();
  });

  test("what is typed after a setting, or after a break, comes after it", async () => {
    const door = new LoopbackDoor(N1);
    const far = door.far("n1");
    far.echo = false;
    far.actsSlowly = true;
    await using server = await serve(door);
    const { socket } = await connected(server.port);
    await eventually("they are there", () => far.writer);
    const typed = (text: string): Buffer => Buffer.from(text);
    socket.write(
      Buffer.concat([
        Buffer.from([255, 251, 44]),
        typed("a"),
        COM_PORT(1, 0, 0, 0x25, 0x80),
        COM_PORT(2, 7),
        typed("b"),
        COM_PORT(5, 5),
        COM_PORT(5, 6),
        typed("c"),
        COM_PORT(1, 0, 0, 0x4b, 0),
        typed("d"),
      ]),
    );
    await eventually("it is typed", () => far.typedText() === "abcd");
    expect(far.did).toEqual([
      "line 9600,7n1,none after a",
      "break on after ab",
      "break off after ab",
      "line 19200,7n1,none after abc",
    ]);
    socket.destroy();
  });

  test("a break and lost bytes are told to a client that asked for the state of the line, and to no other", async () => {
    const door = new LoopbackDoor(N1);
    await using server = await serve(door);
    const far = door.far("n1");
    const { socket, got } = await connected(server.port);
    socket.write(Buffer.concat([Buffer.from([255, 251, 44]), COM_PORT(5, 4)]));
    await eventually("it is attached", () => got().includes(COM_PORT(105, 6)));
    far.breaks();
    socket.write(COM_PORT(10, 0x12));
    await eventually("the mask is taken", () => got().includes(COM_PORT(110, 0x12)));
    far.breaks();
    await eventually("the break is told", () => got().includes(COM_PORT(106, 0x10)));
    expect(got().toString("latin1").split(COM_PORT(106, 0x10).toString("latin1"))).toHaveLength(2);
    for (const { viewer } of far.seats) viewer.told({ told: "gap", text: "bytes are missing" });
    await eventually("the loss is told", () => got().includes(COM_PORT(106, 0x02)));
    socket.destroy();
  });

  test("a telnet client that does not know it sees no word of it, and its break is one", async () => {
    const door = new LoopbackDoor(N1);
    await using server = await serve(door);
    const { socket, got } = await connected(server.port);
    socket.write(Buffer.from([255, 252, 44, 255, 243, 104, 105, 13, 10]));
    await eventually("it is typed", () => door.far("n1").typedText() === "hi\r");
    expect(door.far("n1").did).toEqual(["break"]);
    door.far("n1").raises({ cts: false, dsr: false, ri: true, dcd: false });
    door.far("n1").breaks();
    door.far("n1").says("end");
    await eventually("it sees the end", () => got().includes("end"));
    expect(got().includes(Buffer.from([255, 250]))).toBe(false);
    socket.destroy();
  });
});

async function connected(port: number): Promise<{ socket: Socket; got: () => Buffer }> {
  const socket = connect(port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return { socket, got: () => Buffer.concat(chunks) };
}

/** ser2net as a client: it serves pyserial, and its other side is our server. */
describe.skipIf(!requirePeer("ser2net", "apt-get install ser2net") || !requirePyserial())(
  "RFC 2217 for ser2net",
  () => {
    test("settings, breaks and all bytes come through it", async () => {
      const door = new LoopbackDoor(N1);
      await using server = await serve(door);
      await using folder = await tempDir();
      const port = await freePort();
      const config = join(folder.path, "ser2net.yaml");
      await writeFile(
        config,
        `connection: &one
  accepter: telnet(rfc2217),tcp,127.0.0.1,${port}
  connector: telnet(rfc2217),tcp,127.0.0.1,${server.port}
`,
      );
      await using _ser2net = await startProgram("ser2net", {
        args: ["-n", "-d", "-c", config, "-P", join(folder.path, "pid")],
        ready: "none",
      });
      await eventually("ser2net listens", () => canConnect(port));
      const said = await python(
        port,
        `
port.baudrate = 38400
port.parity = serial.PARITY_ODD
port.open()
all = bytes(range(256)) * 4
port.write(all)
print(port.read(len(all)) == all)
port.break_condition = True
port.break_condition = False
port.close()`,
      );
      expect(said.trim()).toBe("True");
      expect(door.far("n1").did).toContain("break on");
      expect(door.far("n1").line).toMatchObject({ baudRate: 38_400, parity: "odd" });
    });
  },
);

describe.skipIf(!requirePeer("gensiot", "apt-get install gensio-bin"))(
  "RFC 2217 for gensio",
  () => {
    test("gensiot has a console", async () => {
      const door = new LoopbackDoor(N1);
      await using server = await serve(door);
      const talk = `(printf 'hello\\n'; sleep 1) | gensiot -i 'stdio(self)' "$0"`;
      const ran = await runProgram("sh", ["-c", talk, at(server.port)]);
      expect(ran.stdout.toString()).toBe("hello\n");
      expect(door.far("n1").typedText()).toBe("hello\n");
    });
  },
);

const at = (port: number): string => `telnet(rfc2217=true),tcp,127.0.0.1,${port}`;

async function canConnect(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } finally {
    socket.destroy();
  }
}

import { connect } from "node:net";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { openIdentity, type OpenIdentity } from "@outrider/identity/open-identity";
import { hashPassword } from "@outrider/identity/passwords";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { requirePeer } from "@outrider/testing/peers";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ConsoleStage } from "../testing/console-stage.js";
import { openSsh } from "../testing/openssh.js";
import { PYTHON, requirePyserial } from "../testing/python.js";
import { runProgram, type Ran } from "../testing/run-program.js";

const run = promisify(execFile);

let stage: ConsoleStage;
let identity: OpenIdentity;
let options: string[];
const ports = { telnetPort: 0, rawPort: 0, rfc2217Port: 0 };

beforeAll(async () => {
  for (const way of ["telnetPort", "rawPort", "rfc2217Port"] as const)
    ports[way] = await freePort();
  stage = await ConsoleStage.start(["n1"], ports);
  identity = await openIdentity({ dataDirectory: stage.data.path });
  const { people, keys } = identity.store;
  await people.insert(
    { name: "ada", role: "operator" },
    await hashPassword("correct-horse-7"),
    false,
  );
  const key = join(stage.data.path, "key");
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  await keys.add("ada", { name: "laptop", text: await readFile(`${key}.pub`, "utf8") });
  const { port } = stage.service.ready["ssh"] as { port: number };
  const known = join(stage.data.path, "known_hosts");
  await writeFile(known, "");
  options = [
    "-F",
    "none",
    "-p",
    String(port),
    "-i",
    key,
    "-oIdentitiesOnly=yes",
    "-oBatchMode=yes",
    "-oStrictHostKeyChecking=accept-new",
    `-oUserKnownHostsFile=${known}`,
    "-oIdentityAgent=none",
    "-oLogLevel=ERROR",
  ];
  await eventually("the service knows ada", async () => {
    const ran = await ssh("n1@127.0.0.1", "who");
    return ran.code === 0;
  });
});
afterAll(async () => {
  await identity.close();
  await stage.stop();
});

const ssh = (...args: string[]): Promise<Ran> => runProgram("ssh", [...options, ...args]);

function terminal(...args: string[]): {
  type(bytes: Uint8Array | string): void;
  sees(text: string): Promise<unknown>;
  closed: Promise<unknown>;
  end(): Promise<void>;
} {
  const { child, closed } = openSsh([...options, ...args]);
  let said = "";
  let seen = 0;
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString("latin1")));
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString("latin1")));
  return {
    type: (bytes) => void child.stdin.write(bytes),
    sees: async (text) => {
      const at = await eventually(`the terminal shows ${text}`, () => {
        const found = said.indexOf(text, seen);
        return found >= 0 && found + text.length;
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}; it shows: ${JSON.stringify(said.slice(seen))}`);
      });
      seen = at;
    },
    closed,
    end: async () => {
      child.kill();
      await closed;
    },
  };
}

const taken = (): readonly (string | object)[] => stage.line().taken;

describe.skipIf(!requirePeer("ssh", "apt-get install openssh-client"))(
  "SSH at a running service",
  () => {
    test("typing, what the machine says, break by ~B and by the escape, and leaving", async () => {
      const ada = terminal("-tt", "n1@127.0.0.1");
      await ada.sees("^Ec? helps");
      stage.say("login: ");
      await ada.sees("login: ");
      ada.type("root\r");
      await eventually("it is typed", () => stage.typed().endsWith("root\r"));
      ada.type("\r~B");
      await eventually("a break", () => JSON.stringify(taken()).includes('"break"'));
      ada.type("\u0005c?");
      await ada.sees("break");
      ada.type("\u0005cw");
      await ada.sees("person:ada");
      ada.type("\u0005ci");
      await ada.sees("driver");
      await ada.sees("last byte:");
      ada.type("\u0005c.");
      await ada.closed;
    });

    test("a break in the place of the one who types, who types again", async () => {
      const ada = terminal("-tt", "n1@127.0.0.1");
      await ada.sees("^Ec? helps");
      const before = taken().length;
      expect((await ssh("n1@127.0.0.1", "break")).code).toBe(1);
      expect((await ssh("n1@127.0.0.1", "break", "nosuch", "--take")).code).toBe(1);
      const broke = await ssh("n1@127.0.0.1", "break", "--take");
      expect([broke.code, broke.stdout.toString()]).toEqual([0, "a break of 250 ms was sent\n"]);
      await ada.sees("is done; you type now");
      expect(taken().slice(before)).toEqual([{ kind: "break", ms: 250 }]);
      ada.type("again\r");
      await eventually("it is typed", () => stage.typed().endsWith("again\r"));
      await ada.end();
    });

    test("a menu without a console, and back to it from one", async () => {
      const ada = terminal("-tt", "nowhere@127.0.0.1");
      await ada.sees("no console nowhere");
      await ada.sees("console (number");
      ada.type("n1\r");
      await ada.sees("^Ec? helps");
      ada.type("\u0005c.");
      await ada.sees("console (number");
      ada.type("q\r");
      await ada.closed;
    });

    test("a large paste arrives whole and in order, all 256 values of it", async () => {
      const before = stage.typed().length;
      const paste = Buffer.from(
        Uint8Array.from({ length: 300_000 }, (_, at) => (at * 7 + (at >> 8)) & 255),
      );
      const ran = await runProgram("ssh", [...options, "n1@127.0.0.1", "raw"], { input: paste });
      expect(ran.code).toBe(0);
      const typed = (): Buffer => Buffer.from(stage.typed().slice(before), "latin1");
      await eventually("all of it is typed", () => typed().length >= paste.length);
      expect(typed().equals(paste)).toBe(true);
    });

    test("the log by command", async () => {
      stage.say("\r\nfirst of these\r\nsecond of these\r\n");
      await eventually("it is in the log", async () => {
        const ran = await ssh("n1@127.0.0.1", "log", "-n", "2");
        const lines = ran.stdout.toString().split("\n");
        const stamped = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (first|second) of these$/;
        return ran.code === 0 && lines.filter((line) => stamped.test(line)).length === 2;
      });
      const objects = await ssh("n1@127.0.0.1", "log", "--since", "1h", "--json");
      const last = objects.stdout.toString().trimEnd().split("\n").at(-1) ?? "";
      expect(JSON.parse(last)).toMatchObject({ text: "second of these" });
      const exact = await ssh("n1@127.0.0.1", "log", "-n", "1", "--raw");
      expect(exact.stdout.toString()).toBe("second of these\r\n");
      const none = await ssh("n1@127.0.0.1", "log", "--boot", "7");
      expect([none.code, none.stdout.toString()]).toEqual([2, ""]);
      expect(none.stderr).toContain("there is no boot 7");
    });
  },
);

describe("telnet, raw and RFC 2217 at a running service", () => {
  test("telnet", async () => {
    const socket = connect(ports.telnetPort, "127.0.0.1").on("error", () => undefined);
    onTestFinished(() => void socket.destroy());
    let said = "";
    socket.on("data", (chunk) => (said += chunk.toString("latin1")));
    socket.write("ada\rcorrect-horse-7\r");
    await eventually("ada is there", () => said.includes("^Ec? helps"));
    socket.write("by telnet\r");
    await eventually("it is typed", () => stage.typed().endsWith("by telnet\r"));
    socket.write("\u0005c.");
    await eventually("it ends", () => said.includes("you have left") && socket.readableEnded);
    socket.destroy();
  });

  test("raw TCP: exact bytes, no word of Outrider's", async () => {
    const socket = connect(ports.rawPort, "127.0.0.1").on("error", () => undefined);
    onTestFinished(() => void socket.destroy());
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    await eventually("somebody is there", () => stage.states.get("n1")?.writer?.way === "raw");
    const all = Uint8Array.from({ length: 1024 }, (_, at) => at & 255);
    stage.say(all);
    await eventually("it has all", () => Buffer.concat(chunks).length >= all.length);
    expect(Buffer.concat(chunks).equals(all)).toBe(true);
    socket.write("by raw\r");
    await eventually("it is typed", () => stage.typed().endsWith("by raw\r"));
    socket.destroy();
    await eventually("they have left", () => stage.states.get("n1")?.writer === undefined);
  });

  test.skipIf(!requirePyserial())("RFC 2217", async () => {
    const script = `
import serial
port = serial.serial_for_url('rfc2217://127.0.0.1:${ports.rfc2217Port}', baudrate=9600, timeout=10)
port.dtr = False
port.write(b'by serial')
port.break_condition = True
port.break_condition = False
port.reset_input_buffer()
port.close()
`;
    const ran = await runProgram(PYTHON, ["-c", script]);
    expect(ran.stderr).toBe("");
    expect(ran.code).toBe(0);
    expect(stage.typed().endsWith("by serial")).toBe(true);
    const did = JSON.stringify(taken());
    expect(did).toContain('"purge"');
    expect(did).toContain('"dtr":false');
  });
});

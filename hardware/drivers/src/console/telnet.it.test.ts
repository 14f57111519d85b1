import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { milliseconds } from "@outrider/contracts/clock";
import { mustSkip } from "@outrider/simulators/peers";
import { QmpProbe } from "@outrider/simulators/qmp-probe";
import { describe, expect, it } from "vitest";
import { describeConsolePort } from "../testing/console-conformance.js";
import { ConsoleRecorder, forever, openConsole } from "../testing/console-rig.js";
import { freePort } from "../testing/foreign-process.js";
import { failure } from "../testing/power-rig.js";
import { lacksPyserial, pyserialRig } from "../testing/pyserial-peer.js";
import { startSer2net } from "../testing/ser2net.js";
import { driver } from "./telnet.js";

const POLL = { timeout: 20_000, interval: 10 };
const BREAK = milliseconds(250);

async function opened(port: number) {
  const console = await openConsole({ driver, options: () => ({ host: "127.0.0.1", port }) });
  const recorder = new ConsoleRecorder();
  console.start(recorder);
  await expect.poll(() => recorder.links, POLL).toEqual([{ up: true }]);
  return { console, recorder, [Symbol.asyncDispose]: () => console[Symbol.asyncDispose]() };
}

describe.skipIf(lacksPyserial("console/telnet"))("telnet of pyserial", () => {
  describeConsolePort("telnet", async () => {
    // Who never answers is taken for one who does not negotiate.
    const { mute: _, ...rig } = await pyserialRig(driver);
    return rig;
  });
});

const lacksSer2net = mustSkip("console/telnet against ser2net", {
  ser2net: "ser2net",
  socat: "socat",
});
describe.skipIf(lacksSer2net)("telnet of ser2net", { timeout: 60_000 }, () => {
  it("carries every byte both ways", async () => {
    await using server = await startSer2net("telnet");
    await using line = await opened(server.port);
    const all = Buffer.from(Array.from({ length: 1024 }, (_, at) => (at * 7) & 0xff));
    await line.console.write(all, forever);
    await expect.poll(() => server.heard().includes(all), POLL).toBe(true);
    server.say(all);
    await expect.poll(() => line.recorder.all.includes(all), POLL).toBe(true);
  });
});

/** Registers of the first UART of a PC. */
const [RECEIVED, LINE_STATUS] = [0x3f8, 0x3fd];
const [DATA_READY, BREAK_SEEN] = [0x01, 0x10];

describe.skipIf(
  mustSkip("console/telnet against QEMU", { "qemu-system-x86_64": "qemu-system-x86" }),
)("telnet of QEMU", { timeout: 60_000 }, () => {
  it("sends what the UART of the machine receives as a break, and bytes as bytes", async () => {
    const dir = mkdtempSync(join(tmpdir(), "or-"));
    const port = await freePort();
    // Its processor stands still, so that nobody but the test reads the UART.
    const options = ["-S", "-nodefaults", "-display", "none", "-m", "16", "-serial", "chardev:c"];
    const chardev = `socket,id=c,host=127.0.0.1,port=${port},server=on,wait=off,telnet=on`;
    const qmp = `unix:${join(dir, "qmp")},server=on,wait=off`;
    const qemu = spawn("qemu-system-x86_64", [...options, "-chardev", chardev, "-qmp", qmp], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    try {
      await expect.poll(() => existsSync(join(dir, "qmp")), POLL).toBe(true);
      const monitor = await QmpProbe.open(join(dir, "qmp"), AbortSignal.timeout(20_000));
      const register = async (at: number): Promise<number> => {
        const command = { "command-line": `i /b ${at}` };
        const said = await monitor.execute("human-monitor-command", command);
        return Number(/= (0x[0-9a-f]+)/.exec(String(said))?.[1]);
      };
      await using line = await opened(port);
      await line.console.write(Buffer.from([0xff]), forever);
      await expect.poll(async () => (await register(LINE_STATUS)) & DATA_READY, POLL).toBe(1);
      expect(await register(RECEIVED)).toBe(0xff);
      expect((await register(LINE_STATUS)) & BREAK_SEEN).toBe(0);
      await line.console.sendBreak?.(BREAK, forever);
      // Reading the register takes the bit away, so that it is seen once.
      await expect
        .poll(async () => (await register(LINE_STATUS)) & BREAK_SEEN, POLL)
        .toBe(BREAK_SEEN);
      expect((await register(LINE_STATUS)) & BREAK_SEEN).toBe(0);
      monitor.close();
    } finally {
      qemu.kill("SIGKILL");
      await once(qemu, "exit");
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe("telnet", { timeout: 60_000 }, () => {
  it("is a console also where nobody negotiates", async () => {
    const heard: Buffer[] = [];
    let far: Socket | undefined;
    const server = createServer((socket) => {
      far = socket;
      socket.on("error", () => {});
      socket.on("data", (bytes: Buffer) => heard.push(bytes));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    {
      await using line = await opened((server.address() as AddressInfo).port);
      far?.write("hello\r\0\nworld");
      await expect.poll(() => line.recorder.text, POLL).toBe("hello\r\nworld");
      const before = Buffer.concat(heard).length;
      expect(line.console.writeNow?.(Buffer.from("x"))).toBe(0);
      await line.console.write(Buffer.from([0xff, 0x0d, 0x61]), forever);
      await line.console.sendBreak?.(BREAK, forever);
      const want = Buffer.from([0xff, 0xff, 0x0d, 0x00, 0x61, 0xff, 0xf3]);
      await expect.poll(() => Buffer.concat(heard).subarray(before), POLL).toEqual(want);
    }
    server.close();
    await once(server, "close");
  });

  it.each([{ host: "10.0.0.9" }, { host: "-x", port: 23 }, { host: "a", port: 0 }])(
    "does not take the options %j",
    async (options) => {
      const error = await failure(openConsole({ driver, options: () => options }));
      expect(error).toMatchObject({ code: "invalid-options" });
    },
  );
});

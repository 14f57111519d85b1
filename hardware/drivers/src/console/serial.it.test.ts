import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPacedSender, withoutDropped } from "@outrider/simulators/paced-sender";
import { describe, expect, it } from "vitest";
import { describeConsolePort } from "../testing/console-conformance.js";
import { ConsoleRecorder, forever, openConsole, type ConsoleRig } from "../testing/console-rig.js";
import { failure } from "../testing/power-rig.js";
import { driver } from "./serial.js";

const POLL = { timeout: 20_000, interval: 10 };

async function sender(ports: number, bytesPerSecond: number, more: object = {}) {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const links = Array.from({ length: ports }, (_, port) => join(dir, `tty${port}`));
  const far = await startPacedSender(
    links.map((link, seed) => ({ link, bytesPerSecond, seed, ...more })),
  );
  return {
    far,
    links,
    [Symbol.asyncDispose]: async () => {
      await far[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A pseudo terminal whose far end echoes; pulled out, its path goes. */
async function startRig(): Promise<ConsoleRig> {
  const rig = await sender(1, 0, { echo: true });
  const { far } = rig;
  const path = rig.links[0] ?? "";
  return {
    driver,
    options: () => ({ path }),
    address: path,
    exclusive: true,
    dialogue: { type: "hello", expect: /hello/ },
    say: (bytes) => far.say(0, bytes),
    heard: () => far.heard(0),
    lose: () => far.unplug(0),
    restore: () => far.plug(0),
    freeze: async () => {
      await far.freeze(0);
      return { [Symbol.asyncDispose]: () => far.thaw(0) };
    },
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
}

describeConsolePort("serial", startRig);

describe("serial on pseudo terminals", { timeout: 60_000 }, () => {
  it("offers settings and purge, but neither break nor control lines", async () => {
    await using rig = await sender(1, 0);
    const options = (): object => ({ path: rig.links[0], baudRate: 9600 });
    await using port = await openConsole({ driver, options });
    const recorder = new ConsoleRecorder();
    port.start(recorder);
    await expect.poll(() => recorder.up, POLL).toBe(true);
    expect(port.sendBreak).toBeUndefined();
    expect(port.setControl).toBeUndefined();
    expect(recorder.lines).toEqual([]);
    expect(port.line?.baudRate).toBe(9600);
    const settings = { ...port.line, baudRate: 1_500_000, flowControl: "xon-xoff" } as never;
    await port.setLine?.(settings, forever);
    expect(port.line).toEqual(settings);
    await port.purge?.("both", forever);
  });

  it("loses nothing that eight lines at 1.5 Mbaud had room for", async () => {
    const totalBytes = 300_000;
    await using rig = await sender(8, 150_000, { totalBytes });
    const recorders = rig.links.map(() => new ConsoleRecorder());
    await using stack = new AsyncDisposableStack();
    for (const [index, path] of rig.links.entries()) {
      const port = await openConsole({ driver, options: () => ({ path, baudRate: 1_500_000 }) });
      stack.use(port);
      port.start(recorders[index] as ConsoleRecorder);
    }
    await expect.poll(() => recorders.every(({ up }) => up), POLL).toBe(true);
    await rig.far.start();
    // A machine that is busy elsewhere may not come to read in time: what the line then had no room for is counted.
    const said = async (): Promise<boolean> =>
      (await rig.far.report()).every(
        ({ offset, sent }, at) => offset === totalBytes && recorders[at]?.all.length === sent,
      );
    await expect.poll(said, { timeout: 20_000, interval: 200 }).toBe(true);
    const reports = await rig.far.report();
    for (const [seed, recorder] of recorders.entries()) {
      const dropped = reports[seed]?.dropped ?? [];
      expect(recorder.all.equals(withoutDropped(seed, totalBytes, dropped))).toBe(true);
    }
  });

  it("is opened when its adapter is plugged in, however late", async () => {
    await using rig = await sender(1, 0, { echo: true });
    await rig.far.unplug(0);
    await using port = await openConsole({ driver, options: () => ({ path: rig.links[0] }) });
    const recorder = new ConsoleRecorder();
    port.start(recorder);
    await expect.poll(() => recorder.links[0]?.detail, POLL).toContain("is plugged in");
    await rig.far.plug(0);
    await expect.poll(() => recorder.up, POLL).toBe(true);
    await port.write(Buffer.from("x"), forever);
    await expect.poll(() => recorder.text, POLL).toBe("x");
  });

  it("says who has it while somebody else does, and opens it once they have let go", async () => {
    await using rig = await sender(1, 0, { echo: true });
    const path = rig.links[0] ?? "";
    const holder = spawn("flock", ["-F", path, "sh", "-c", "echo locked; exec sleep 60"]);
    await once(holder.stdout, "data");
    await using port = await openConsole({ driver, options: () => ({ path }) });
    const recorder = new ConsoleRecorder();
    port.start(recorder);
    await expect
      .poll(() => recorder.links[0]?.detail, POLL)
      .toMatch(new RegExp(`in use by (sh|sleep) \\(process ${holder.pid}\\)`));
    const ended = once(holder, "close");
    holder.kill();
    await ended;
    await expect.poll(() => recorder.up, POLL).toBe(true);
  });

  it.each([
    [{ path: "ttyS0" }, "The option path"],
    [{ path: "/dev/ttyS9", dataBits: 9 }, "The option dataBits"],
    [{ path: "/dev/ttyS9", stopBits: 3 }, "The option stopBits"],
    [{ path: "/dev/ttyS9", parity: "some" }, "The option parity"],
    [{ path: "/dev/ttyS9", dtr: true }, "The option dtr"],
  ])("refuses the options %j", async (options, words) => {
    const error = await failure(openConsole({ driver, options: () => options }));
    expect(error).toMatchObject({ code: "invalid-options" });
    expect(error.message).toContain(words);
  });

  it("refuses what no UART has", async () => {
    const options = { path: "/dev/ttyS9", stopBits: 1.5 };
    const error = await failure(openConsole({ driver, options: () => options }));
    expect(error).toMatchObject({ code: "unsupported" });
  });

  it("says that a file is no serial port", async () => {
    await using port = await openConsole({ driver, options: () => ({ path: "/dev/null" }) });
    const recorder = new ConsoleRecorder();
    port.start(recorder);
    await expect.poll(() => recorder.links[0]?.detail, POLL).toContain("is a serial port");
  });
});

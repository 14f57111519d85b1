import { milliseconds } from "@outrider/contracts/clock";
import type { LineSettings } from "@outrider/ports/console-port";
import { mustSkip } from "@outrider/simulators/peers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeConsolePort } from "../testing/console-conformance.js";
import { ConsoleRecorder, forever, openConsole } from "../testing/console-rig.js";
import { failure } from "../testing/power-rig.js";
import { startSer2net } from "../testing/ser2net.js";
import {
  lacksPyserial,
  pyserialRig,
  startPyserial,
  type PyserialPeer,
} from "../testing/pyserial-peer.js";
import { driver } from "./rfc2217.js";

const POLL = { timeout: 20_000, interval: 10 };

async function opened(options: object) {
  const port = await openConsole({ driver, options: () => options });
  const recorder = new ConsoleRecorder();
  port.start(recorder);
  return { port, recorder, [Symbol.asyncDispose]: () => port[Symbol.asyncDispose]() };
}

describe.skipIf(lacksPyserial("console/rfc2217"))(
  "RFC 2217 of pyserial",
  { timeout: 60_000 },
  () => {
    describeConsolePort("rfc2217", () => pyserialRig(driver));

    let peer: PyserialPeer;
    beforeAll(async () => {
      peer = await startPyserial();
    });
    afterAll(() => peer[Symbol.asyncDispose]());
    const where = () => ({ host: "127.0.0.1", port: peer.port });
    const latest = async (name: string): Promise<unknown> =>
      (await peer.did()).findLast(([one]) => one === name)?.[1];

    it("sets the line as it is declared when it opens, and the control lines, or leaves them", async () => {
      const before = (await peer.did()).length;
      {
        await using line = await opened({
          ...where(),
          baudRate: 9600,
          dataBits: 7,
          parity: "even",
        });
        await expect.poll(() => line.recorder.up, POLL).toBe(true);
      }
      const did = (await peer.did()).slice(before);
      expect(did).toEqual([
        ["baudrate", 9600],
        ["bytesize", 7],
        ["parity", "E"],
        ["stopbits", 1],
        ["xonxoff", false],
        ["rtscts", false],
      ]);
      await using line = await opened({ ...where(), dtr: "off", rts: "on" });
      await expect.poll(() => line.recorder.up, POLL).toBe(true);
      expect([await latest("dtr"), await latest("rts")]).toEqual([false, true]);
    });

    it("sets what it is told, and has it set again after the connection was lost", async () => {
      await using line = await opened(where());
      await expect.poll(() => line.recorder.up, POLL).toBe(true);
      const settings: LineSettings = {
        baudRate: 1_500_000,
        dataBits: 8,
        parity: "none",
        stopBits: 2,
        flowControl: "rts-cts",
      };
      await line.port.setLine?.(settings, forever);
      expect(line.port.line).toEqual(settings);
      expect(await latest("baudrate")).toBe(1_500_000);
      await peer.stop();
      await expect.poll(() => line.recorder.up, POLL).toBe(false);
      await peer.start();
      await expect.poll(() => line.recorder.up, POLL).toBe(true);
      expect(await latest("baudrate")).toBe(1_500_000);
      expect(await latest("rtscts")).toBe(true);
    });

    it("refuses what the far side does not do, with what it does instead", async () => {
      await using line = await opened(where());
      await expect.poll(() => line.recorder.up, POLL).toBe(true);
      const settings = { ...(line.port.line as LineSettings), baudRate: 9_000_000 };
      const error = await failure(line.port.setLine?.(settings, forever) ?? Promise.resolve());
      expect(error).toMatchObject({ code: "refused" });
      expect(error.message).toContain("it has 115200 baud");
      expect(line.port.line?.baudRate).toBe(115_200);
    });

    it("ends a break also for whoever gave up, and touches no control line by it", async () => {
      await using line = await opened(where());
      await expect.poll(() => line.recorder.up, POLL).toBe(true);
      const before = (await peer.did()).length;
      const given = new AbortController();
      const reason = new Error("given up");
      const breaking = line.port.sendBreak?.(milliseconds(600_000), given.signal);
      await expect.poll(() => latest("break_condition"), POLL).toBe(true);
      given.abort(reason);
      await expect(breaking).rejects.toBe(reason);
      await expect.poll(() => latest("break_condition"), POLL).toBe(false);
      expect((await peer.did()).slice(before)).toEqual([
        ["break_condition", true],
        ["break_condition", false],
      ]);
    });

    it("moves one control line and leaves the other, and throws away what the server holds", async () => {
      await using line = await opened(where());
      await expect.poll(() => line.recorder.up, POLL).toBe(true);
      const before = (await peer.did()).length;
      await line.port.setControl?.({ rts: false }, forever);
      await line.port.setControl?.({ dtr: false, rts: true }, forever);
      await line.port.purge?.("transmit", forever);
      expect((await peer.did()).slice(before)).toEqual([
        ["rts", false],
        ["dtr", false],
        ["rts", true],
        ["purge", "transmit"],
      ]);
    });

    it("tells the modem lines, breaks and overruns of the far port, and waits while that wants nothing", async () => {
      await using line = await opened(where());
      await expect.poll(() => line.recorder.up, POLL).toBe(true);
      await peer.modem({ cts: false, dsr: true, ri: false, cd: true });
      await expect
        .poll(() => line.recorder.lines.at(-1), POLL)
        .toEqual({ cts: false, dsr: true, ri: false, dcd: true });
      const notify = (...payload: number[]) =>
        peer.raw(Uint8Array.of(255, 250, 44, ...payload, 255, 240));
      await notify(106, 16);
      await expect.poll(() => line.recorder.breaks, POLL).toBe(1);
      await notify(106, 2);
      await expect
        .poll(() => line.recorder.losses, POLL)
        .toEqual([{ bytes: undefined, reason: "overrun" }]);
      await notify(108);
      const suspended = line.recorder.text.length;
      await peer.say(Buffer.from("mark"));
      await expect.poll(() => line.recorder.text.slice(suspended), POLL).toBe("mark");
      const before = (await peer.heard()).length;
      expect(line.port.writeNow?.(Buffer.from("x"))).toBe(0);
      const writing = line.port.write(Buffer.from("later"), forever);
      expect((await peer.heard()).length).toBe(before);
      await notify(109);
      await writing;
      await expect
        .poll(async () => (await peer.heard()).subarray(before).toString(), POLL)
        .toBe("later");
    });
  },
);

const lacksSer2net = mustSkip("console/rfc2217 against ser2net", {
  ser2net: "ser2net",
  socat: "socat",
});
describe.skipIf(lacksSer2net)("RFC 2217 of ser2net", { timeout: 60_000 }, () => {
  it("sets a port, carries every byte both ways, and comes back after a restart", async () => {
    await using server = await startSer2net("telnet(rfc2217)");
    await using line = await opened({ host: "127.0.0.1", port: server.port, baudRate: 9600 });
    await expect.poll(() => line.recorder.links, POLL).toEqual([{ up: true }]);
    const all = Buffer.from(Array.from({ length: 1024 }, (_, at) => (at * 7) & 0xff));
    await line.port.write(all, forever);
    await expect.poll(() => server.heard().includes(all), POLL).toBe(true);
    server.say(all);
    await expect.poll(() => line.recorder.all.includes(all), POLL).toBe(true);
    expect(server.speed()).toBe(9600);
    await line.port.setLine?.({ ...(line.port.line as LineSettings), baudRate: 57_600 }, forever);
    expect(server.speed()).toBe(57_600);
  });

  it("says to a server without it what to do", async () => {
    await using server = await startSer2net("telnet(rfc2217=false)");
    await using line = await opened({ host: "127.0.0.1", port: server.port });
    await expect.poll(() => line.recorder.links.length, POLL).toBe(1);
    expect(line.recorder.links[0]).toMatchObject({
      up: false,
      detail: expect.stringContaining("choose console/telnet") as string,
    });
  });
});

describe("the options of console/rfc2217", () => {
  it.each([
    { host: "10.0.0.9" },
    { host: "10.0.0.9;x", port: 1 },
    { host: "10.0.0.9", port: 1, baudRate: 1 },
    { host: "10.0.0.9", port: 1, stopBits: 1.5 },
  ])("do not take %j", async (options) => {
    const error = await failure(openConsole({ driver, options: () => options }));
    expect(["invalid-options", "unsupported"]).toContain(error.code);
  });
});

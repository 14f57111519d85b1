import { seconds } from "@outrider/contracts/clock";
import type { ConsolePort } from "@outrider/ports/console-port";
import { PortError } from "@outrider/ports/port-error";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { ConsoleDevice } from "./console-device.js";
import { ConsoleRecorder } from "./console-recorder.js";
import { ModelConsole } from "./testing/model-console.js";

const never = new AbortController().signal;

describe("the device of a console", () => {
  let clock: VirtualClock;
  let port: ModelConsole;
  let recorder: ConsoleRecorder;
  let device: ConsoleDevice;

  beforeEach(() => {
    clock = new VirtualClock();
    port = new ModelConsole();
    const nothing = (): void => {};
    recorder = new ConsoleRecorder(
      { append: nothing, gap: nothing, break: nothing },
      () => 0,
      nothing,
    );
    device = new ConsoleDevice("n1.console", port, recorder, clock);
  });

  it("says what it can, what it is set to and what it sees", () => {
    expect(device.condition()).toEqual({
      up: false,
      detail: "It is being connected.",
      abilities: ["break"],
    });
    const settings = {
      baudRate: 9600,
      dataBits: 8,
      parity: "none",
      stopBits: 1,
      flowControl: "none",
    } as const;
    const lines = { cts: true, dsr: false, ri: false, dcd: true };
    const able: Partial<ConsolePort> = {
      line: settings,
      setLine: async () => {},
      setControl: async () => {},
      purge: async () => {},
    };
    Object.assign(port, able);
    recorder.link({ up: true });
    recorder.modem(lines);
    expect(device.condition()).toEqual({
      up: true,
      abilities: ["break", "dtr", "rts", "line", "purge", "modem"],
      line: settings,
      modem: lines,
    });
  });

  it("takes a key at once, unless it is somebody's turn", async () => {
    const now: string[] = [];
    Object.assign(port, { writeNow: (bytes: Buffer) => now.push(bytes.toString()) });
    expect(device.writeNow(Buffer.from("a"))).toBe(1);
    const writing = device.write(Buffer.from("b"), never);
    expect(device.writeNow(Buffer.from("c"))).toBe(0);
    await writing;
    expect(port.told).toEqual(["b"]);
    expect(device.writeNow(Buffer.from("d"))).toBeGreaterThan(0);
    expect(now).toEqual(["a", "d"]);
  });

  it.each([
    [{ kind: "control", dtr: true }, "DTR or RTS"],
    [{ kind: "purge", what: "both" }, "purge"],
    [
      {
        kind: "line",
        settings: {
          baudRate: 9600,
          dataBits: 8,
          parity: "none",
          stopBits: 1,
          flowControl: "none",
        },
      },
      "settings of its line",
    ],
  ] as const)("says that it cannot %j", async (request, words) => {
    const refused = device.request(request, never);
    await expect(refused).rejects.toMatchObject({ code: "unsupported" });
    await expect(refused).rejects.toThrow(words);
    expect(port.told).toEqual([]);
  });

  it("says that it cannot send a break where it cannot, and holds none for ever", async () => {
    await expect(device.request({ kind: "break", ms: 60_000 }, never)).rejects.toMatchObject({
      code: "refused",
    });
    Object.assign(port, { sendBreak: undefined });
    expect(device.breaks).toBe(false);
    await expect(device.request({ kind: "break", ms: 300 }, never)).rejects.toMatchObject({
      code: "unsupported",
    });
  });

  it("lets nothing come between a break and its key", async () => {
    await Promise.all([
      device.write(Buffer.from("one"), never),
      device.press("s", never),
      device.write(Buffer.from("two"), never),
    ]);
    expect(port.told).toEqual(["one", "<break>", "s", "two"]);
  });

  it("gives up what it is not answered, and does the next", async () => {
    port.silent = true;
    const written = device.write(Buffer.from("one"), never);
    written.catch(() => undefined);
    await clock.advance(seconds(9));
    port.silent = false;
    const next = device.write(Buffer.from("two"), never);
    expect(port.told).toEqual(["one"]);
    await clock.advance(seconds(2));
    await expect(written).rejects.toMatchObject({ code: "timed-out" });
    await next;
    expect(port.told).toEqual(["one", "two"]);
  });

  it("gives many bytes the time that they need on a slow wire", async () => {
    port.silent = true;
    let ended = false;
    const written = device.write(Buffer.alloc(9600), never).catch((error: unknown) => {
      ended = true;
      throw error;
    });
    written.catch(() => undefined);
    await clock.advance(seconds(21));
    expect(ended).toBe(false);
    await clock.advance(seconds(2));
    await expect(written).rejects.toBeInstanceOf(PortError);
  });

  it("does not begin what nobody waits for any more", async () => {
    port.silent = true;
    device.write(Buffer.from("one"), never).catch(() => undefined);
    const given = new AbortController();
    const next = device.write(Buffer.from("two"), given.signal);
    next.catch(() => undefined);
    given.abort(new Error("they left"));
    await clock.advance(seconds(11));
    await expect(next).rejects.toThrow("they left");
    expect(port.told).toEqual(["one"]);
  });

  describe("DTR and RTS", () => {
    const set: string[] = [];
    const able = (declaredControl: ConsolePort["declaredControl"]): void => {
      set.length = 0;
      const setControl: ConsolePort["setControl"] = async (lines) =>
        void set.push(JSON.stringify(lines));
      Object.assign(port, { setControl, declaredControl });
      recorder.link({ up: true });
    };
    const pulse = { kind: "pulse", line: "dtr", ms: 500 } as const;

    it("are turned over from what is declared, and back", async () => {
      able({ dtr: false });
      const pulsing = device.request(pulse, never);
      await clock.advance(499);
      expect(set).toEqual(['{"dtr":true}']);
      await clock.advance(1);
      await pulsing;
      expect(set).toEqual(['{"dtr":true}', '{"dtr":false}']);
      const rts = device.request({ ...pulse, line: "rts" }, never);
      await clock.advance(500);
      await rts;
      expect(set.slice(2)).toEqual(['{"rts":false}', '{"rts":true}']);
    });

    it("are turned over from what was set last, on this link", async () => {
      able({});
      await device.request({ kind: "control", dtr: false }, never);
      const pulsing = device.request(pulse, never);
      await clock.advance(500);
      await pulsing;
      expect(set).toEqual(['{"dtr":false}', '{"dtr":true}', '{"dtr":false}']);
      recorder.link({ up: false, detail: "unplugged" });
      recorder.link({ up: true });
      const again = device.request(pulse, never);
      await clock.advance(500);
      await again;
      expect(set.slice(3)).toEqual(['{"dtr":false}', '{"dtr":true}']);
    });

    it("are turned back also when whoever asked is gone", async () => {
      able({});
      const gone = new AbortController();
      const pulsing = device.request(pulse, gone.signal);
      await clock.advance(100);
      gone.abort(new Error("the link was cut"));
      await expect(pulsing).rejects.toThrow("the link was cut");
      expect(set).toEqual(['{"dtr":false}', '{"dtr":true}']);
    });

    it("are as declared again, where they were set", async () => {
      able({ dtr: false, rts: true });
      await device.request({ kind: "control", dtr: true }, never);
      await device.request({ kind: "rest" }, never);
      expect(set).toEqual(['{"dtr":true}', '{"dtr":false}']);
    });
  });
});

import type { LineSettings, ModemLines } from "@outrider/ports/console-port";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { lacksUartGuest, startUartGuest, type UartGuest } from "../testing/uart-guest-rig.js";

const skip = await lacksUartGuest();
const POLL = { timeout: 60_000, interval: 20 };

/** Bits of a 16550. */
const LCR = { breakOn: 0x40, parity: 0x08, even: 0x10, stop: 0x04, bits: 0x03 } as const;
const MCR = { dtr: 0x01, rts: 0x02, out2: 0x08, loop: 0x10 } as const;

const SETTINGS: LineSettings = {
  baudRate: 115_200,
  dataBits: 8,
  parity: "none",
  stopBits: 1,
  flowControl: "none",
};
const PATH = "/dev/ttyS1";

describe.skipIf(skip)("the serial port on a real UART", { timeout: 120_000 }, () => {
  let guest: UartGuest;
  beforeAll(async () => {
    guest = await startUartGuest();
  }, 180_000);
  afterAll(async () => {
    await guest[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    await guest.ask({ do: "close" });
    guest.said.length = 0;
  });

  const open = (control = {}, settings = SETTINGS) =>
    guest.ask<{ hasModem: boolean }>({ do: "open", path: PATH, settings, control });
  const controls = async (): Promise<number> =>
    (await guest.registers()).modemControl & (MCR.dtr | MCR.rts);
  const received = (): Buffer =>
    Buffer.concat(
      guest.said.flatMap((word) =>
        "bytes" in word ? [Buffer.from(String(word["bytes"]), "base64")] : [],
      ),
    );
  const modems = (): ModemLines[] =>
    guest.said.flatMap((word) => ("modem" in word ? [word["modem"] as ModemLines] : []));

  it("carries every value both ways", async () => {
    expect(await open()).toEqual({ hasModem: true });
    const all = Buffer.from(Array.from({ length: 1024 }, (_, index) => (index * 3) & 0xff));
    guest.wire.write(all);
    await expect.poll(() => received().equals(all), POLL).toBe(true);
    const before = guest.heard().length;
    await guest.ask({ do: "write", base64: all.toString("base64") });
    await expect.poll(() => guest.heard().subarray(before).equals(all), POLL).toBe(true);
  });

  it("holds the line in the break condition, and touches neither DTR nor RTS", async () => {
    await open({ dtr: false, rts: true });
    const before = await guest.registers();
    expect(await controls()).toBe(MCR.rts);
    const sent = guest.ask({ do: "break", ms: 2000 });
    await expect
      .poll(() => guest.registers(), POLL)
      .toEqual({ ...before, lineControl: before.lineControl | LCR.breakOn });
    await sent;
    expect(await guest.registers()).toEqual(before);
  });

  it("tells a break that was received, and takes no byte for it", async () => {
    await open();
    guest.wire.write("a");
    await expect.poll(() => received().toString(), POLL).toBe("a");
    await guest.sendBreak();
    await expect.poll(() => guest.said.filter((word) => "broke" in word).length, POLL).toBe(1);
    guest.wire.write("b");
    await expect.poll(() => received().toString(), POLL).toBe("ab");
  });

  it("leaves DTR and RTS as they are when it is closed and opened again", async () => {
    await open({ dtr: false, rts: false });
    expect(await controls()).toBe(0);
    await guest.ask({ do: "control", lines: { dtr: true } });
    expect(await controls()).toBe(MCR.dtr);
    await guest.ask({ do: "control", lines: { rts: true } });
    await guest.ask({ do: "close" });
    expect(await controls()).toBe(MCR.dtr | MCR.rts);
    await open();
    expect(await controls()).toBe(MCR.dtr | MCR.rts);
  });

  it("puts down again what Linux raises when a port is opened", async () => {
    await open({ dtr: false, rts: false });
    await guest.ask({ do: "close" });
    expect(await controls()).toBe(0);
    await open({ dtr: false });
    expect(await controls()).toBe(MCR.rts);
  });

  it("sets parity, stop and data bits in the UART, as it is told", async () => {
    await open({}, { ...SETTINGS, dataBits: 7, parity: "even", stopBits: 2 });
    const { bits, parity, even, stop } = LCR;
    expect((await guest.registers()).lineControl & 0x1f).toBe(2 | parity | even | stop);
    const odd = { ...SETTINGS, parity: "odd" } as const;
    await guest.ask({ do: "settings", settings: odd });
    expect((await guest.registers()).lineControl & 0x1f).toBe(bits | parity);
  });

  it("refuses a speed that the UART cannot do", async () => {
    await expect(open({}, { ...SETTINGS, baudRate: 1_234_567 })).rejects.toThrow(
      "cannot do 1234567 baud",
    );
  });

  it("tells the modem lines that the far end drives, at first and when they change", async () => {
    await open({ dtr: true, rts: true });
    await expect.poll(() => modems().length, POLL).toBeGreaterThan(0);
    const { modemControl } = await guest.registers();
    // In its loop a 16550 gives back its own lines as the far end's: DTR as DSR, RTS as CTS, OUT2 as DCD.
    await guest.poke(4, modemControl | MCR.loop);
    await expect
      .poll(() => modems().at(-1), POLL)
      .toEqual({ cts: true, dsr: true, ri: false, dcd: true });
    await guest.poke(4, MCR.out2 | MCR.loop | MCR.dtr);
    await expect
      .poll(() => modems().at(-1), POLL)
      .toEqual({ cts: false, dsr: true, ri: false, dcd: true });
    await guest.poke(4, modemControl);
  });

  it("says that bytes were lost when the UART had no room for them, and takes no byte for it", async () => {
    await open();
    const { modemControl } = await guest.registers();
    // Nobody is told that there is something to read, while more comes round the loop than the UART holds.
    await guest.poke(1, 0);
    await guest.poke(4, modemControl | MCR.loop);
    await guest.poke(0, ...Array.from({ length: 64 }, (_, n) => n + 1));
    await guest.poke(1, 5);
    await expect
      .poll(() => guest.said.filter((word) => "lost" in word).map((word) => word["lost"]), POLL)
      .toEqual([{ bytes: null, reason: "overrun" }]);
    await expect.poll(() => received().length, POLL).toBeGreaterThanOrEqual(16);
    expect(received().includes(0)).toBe(false);
    await guest.poke(4, modemControl);
  });
});

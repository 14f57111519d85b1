import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDriver } from "@outrider/ports/driver";
import { mustSkip } from "@outrider/simulators/peers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DigitalOutputPort } from "@outrider/ports/digital-output-port";
import {
  joinDeviceGuest,
  lacksDeviceGuest,
  type DeviceGuest,
} from "../testing/device-guest-rig.js";
import { describeDigitalOutputPort } from "../testing/digital-output-conformance.js";
import { never } from "../testing/port-rig.js";
import { driver as serial } from "../console/serial.js";
import { ConsoleRecorder } from "../testing/console-rig.js";
import { driverContext } from "../testing/context.js";
import { startForeign } from "../testing/foreign-process.js";
import { failure } from "../testing/power-rig.js";
import { driver } from "./serial-line.js";

const skip = await lacksDeviceGuest("the control lines of a serial port");

const PATH = "/dev/ttyS1";
/** Modem control of the second UART of a PC, past the kernel. */
const MODEM_CONTROL = 0x2fc;
const BIT = { dtr: 1, rts: 2 } as const;
type Line = keyof typeof BIT;

const sh = (guest: DeviceGuest, command: string): Promise<string> =>
  guest.run("/tmp/busybox", "sh", "-c", command);
async function register(guest: DeviceGuest): Promise<number> {
  const dd = `/tmp/busybox dd if=/dev/port bs=1 skip=${MODEM_CONTROL} count=1`;
  return Number(await sh(guest, `${dd} 2>/dev/null | /tmp/busybox od -An -tu1`));
}
async function poke(guest: DeviceGuest, value: number): Promise<void> {
  const octal = value.toString(8).padStart(3, "0");
  const dd = `/tmp/busybox dd of=/dev/port bs=1 seek=${MODEM_CONTROL} count=1 conv=notrunc`;
  await sh(guest, `printf '\\${octal}' | ${dd} 2>/dev/null`);
}
const asserted = async (guest: DeviceGuest, line: Line): Promise<boolean> =>
  ((await register(guest)) & BIT[line]) !== 0;
const open = (
  guest: DeviceGuest,
  line: Line,
  more: object = {},
  agent?: "second",
): Promise<DigitalOutputPort> =>
  guest.open(
    "digital-output",
    { driver: "serial-line", options: { path: PATH, line, ...more } },
    agent,
  );

describe.skipIf(skip)("on a UART of Linux", () => {
  describeDigitalOutputPort("serial-line", async () => {
    const guest = await joinDeviceGuest();
    await guest.lock("second");
    await guest.lock("uart");
    return {
      open: () => open(guest, "dtr"),
      openSecond: () => open(guest, "dtr", {}, "second"),
      killSecond: () => guest.killSecond(),
      active: () => asserted(guest, "dtr"),
      force: async (active) => {
        const others = (await register(guest)) & ~BIT.dtr;
        await poke(guest, active ? others | BIT.dtr : others);
      },
      [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose](),
    };
  });

  describe("serial-line", { timeout: 60_000 }, () => {
    let guest: DeviceGuest;
    beforeAll(async () => {
      guest = await joinDeviceGuest();
      await guest.lock("uart");
    });
    afterAll(async () => {
      await guest[Symbol.asyncDispose]();
    });

    it("has both lines of a port for two, each without the other", async () => {
      await using dtr = await open(guest, "dtr", { initial: "inactive" });
      await using rts = await open(guest, "rts", { initial: "active" });
      expect((await register(guest)) & 3).toBe(BIT.rts);
      await dtr.set(true, never);
      expect((await register(guest)) & 3).toBe(BIT.dtr | BIT.rts);
      await rts.set(false, never);
      expect((await register(guest)) & 3).toBe(BIT.dtr);
      expect(await dtr.read(never)).toBe(true);
      expect(dtr.evidence).toBe("Assumed");
    });

    it("is active when it is not asserted, where that is declared", async () => {
      await using port = await open(guest, "rts", { activeLow: true, initial: "active" });
      expect(await asserted(guest, "rts")).toBe(false);
      await port.set(false, never);
      expect(await asserted(guest, "rts")).toBe(true);
      expect(await port.read(never)).toBe(false);
    });

    it("does not share a port with another program, whichever line that has", async () => {
      await guest.lock("second");
      const rts = await open(guest, "rts", {}, "second");
      const opening = open(guest, "dtr");
      await expect(opening).rejects.toMatchObject({ name: "PortError", code: "refused" });
      await expect(opening).rejects.toThrow(/the port is in use by .*process \d+/);
      await rts[Symbol.asyncDispose]();
      await using _ = await open(guest, "dtr");
    });
  });
});

describe.skipIf(mustSkip("digital-output/serial-line beside a console", { socat: "socat" }))(
  "serial-line on this host",
  { timeout: 60_000 },
  () => {
    it("does not take a port from its console, and says what has no such lines", async () => {
      const dir = mkdtempSync(join(tmpdir(), "or-"));
      const path = join(dir, "tty");
      const pty = await startForeign({
        command: "socat",
        args: [`PTY,link=${path},raw,echo=0`, `PTY,link=${join(dir, "far")},raw,echo=0`],
        log: join(dir, "log"),
        ready: async () => existsSync(path) && existsSync(join(dir, "far")),
      });
      try {
        const take = () => openDriver(driver, { path, line: "dtr" }, driverContext());
        {
          await using console = await openDriver(serial, { path }, driverContext());
          const recorder = new ConsoleRecorder();
          console.start(recorder);
          await expect.poll(() => recorder.up).toBe(true);
          const error = await failure(take());
          expect(error).toMatchObject({ code: "refused" });
          expect(error.message).toContain("a console or an output, not both");
          expect(recorder.up).toBe(true);
        }
        expect(await failure(take())).toMatchObject({ code: "unsupported" });
      } finally {
        await pty.stop();
        rmSync(dir, { recursive: true, force: true });
      }
    });

    it.each([
      [{ path: "/dev/no-such-port" }, "unreachable", "cannot be had (ENOENT)"],
      [{ line: "cts" }, "invalid-options", "line"],
    ])("says what is wrong with %j", async (wrong, code, words) => {
      const options = { path: "/dev/ttyS1", line: "dtr", ...wrong };
      const error = await failure(openDriver(driver, options, driverContext()));
      expect(error).toMatchObject({ code });
      expect(error.message).toContain(words);
    });
  },
);

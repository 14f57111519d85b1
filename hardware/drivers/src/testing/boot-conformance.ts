import { BOOT_TARGETS, type BootOverride, type BootPort } from "@outrider/ports/boot-port";
import { openDriver, type Driver } from "@outrider/ports/driver";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import type { Clock } from "@outrider/ports/time";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "./context.js";
import { failure, forever } from "./power-rig.js";

/** A driver and the device it speaks to, which keeps its own state. */
export interface BootRig extends AsyncDisposable {
  readonly driver: Driver<"boot">;
  readonly options: object;
  readonly secrets?: Readonly<Record<string, string>>;
  /** What this very device can be told, of what the driver can say. */
  readonly overrides: readonly BootOverride[];
  /** A target that the driver knows and the device does not take, where there is one. */
  readonly refused?: BootOverride;
  /** What is set, asked of the device by another way than the driver's. */
  armed(): Promise<BootOverride | undefined>;
  /** Sets it by that other way. */
  arm(override: BootOverride | undefined): Promise<void>;
  /** What a message must name so that a person finds the device. */
  readonly address: string;
  /** Lets the device take requests and answer none, until it is thawed. */
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** What every boot driver must do, proved on the device's own state, never on the driver's word. */
export function describeBootPort(name: string, startRig: () => Promise<BootRig>): void {
  describe(`${name} as a boot port`, { timeout: 60_000 }, () => {
    let rig: BootRig;
    beforeAll(async () => {
      rig = await startRig();
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });
    afterEach(async () => {
      await rig.arm(undefined);
    });
    const open = (clock?: Clock): Promise<BootPort> =>
      openDriver(
        rig.driver,
        rig.options,
        driverContext({ secrets: rig.secrets ?? {}, ...(clock === undefined ? {} : { clock }) }),
      );

    it("says what it can be told, in words that are known", async () => {
      await using port = await open();
      expect(port.targets.length).toBeGreaterThan(0);
      expect(BOOT_TARGETS).toEqual(expect.arrayContaining([...port.targets]));
      expect(port.modes.length).toBeGreaterThan(0);
      for (const { target, mode } of rig.overrides) {
        expect(port.targets).toContain(target);
        expect(port.modes).toContain(mode);
      }
    });

    it("sets each override it can set, reads it, and clears it", async () => {
      await using port = await open();
      for (const override of rig.overrides) {
        await port.set(override, forever);
        expect(await rig.armed()).toEqual(override);
        expect(await port.read(forever)).toEqual(override);
      }
      await port.set(undefined, forever);
      expect(await rig.armed()).toBeUndefined();
      expect(await port.read(forever)).toBeUndefined();
    });

    it("takes the present state again without an error", async () => {
      await using port = await open();
      const [override] = rig.overrides;
      await port.set(undefined, forever);
      await port.set(override, forever);
      await port.set(override, forever);
      expect(await rig.armed()).toEqual(override);
    });

    it("reads what somebody else has set, never what it has set itself", async () => {
      await using port = await open();
      await port.set(rig.overrides[0], forever);
      for (const override of rig.overrides) {
        await rig.arm(override);
        expect(await port.read(forever)).toEqual(override);
      }
      await rig.arm(undefined);
      expect(await port.read(forever)).toBeUndefined();
    });

    it("refuses what the device does not take, and leaves what is set alone", async ({ skip }) => {
      await using port = await open();
      const refused = rig.refused ?? skip("the device takes all that the driver can say");
      const [override] = rig.overrides;
      await port.set(override, forever);
      const error = await failure(port.set(refused, forever));
      expect(error).toMatchObject({ name: "PortError", code: "unsupported" });
      expect(await rig.armed()).toEqual(override);
    });

    it("does nothing for a caller who has given up before", async () => {
      await using port = await open();
      const gone = AbortSignal.abort(new Error("gone"));
      await expect(port.set(rig.overrides[0], gone)).rejects.toThrow("gone");
      await expect(port.read(gone)).rejects.toThrow("gone");
      expect(await rig.armed()).toBeUndefined();
    });

    it("times a silent device out, and gives it up at once when the caller says so", async () => {
      const clock = new ManualClock();
      await using port = await open(clock);
      rig.freeze();
      try {
        const caller = new AbortController();
        const given = failure(port.set(rig.overrides[0], caller.signal));
        const reason = new Error("the agent stops");
        caller.abort(reason);
        expect(await given).toBe(reason);
        const error = await failure(port.read(AbortSignal.timeout(100)));
        expect(error).toMatchObject({ name: "PortError", code: "timed-out" });
        const late = failure(port.read(forever));
        // However it has split the work up, each part has a deadline.
        const over = { now: false };
        void late.then(() => (over.now = true));
        while (!over.now) {
          clock.advance(60_000);
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(await late).toMatchObject({ name: "PortError", code: "timed-out" });
      } finally {
        rig.thaw();
      }
    });

    it("is unreachable once the device is gone, and is back with it", async () => {
      await using port = await open();
      await port.read(forever);
      await rig.kill();
      for (const call of [() => port.read(forever), () => port.set(undefined, forever)]) {
        const error = await failure(call());
        expect(["unreachable", "timed-out"]).toContain(error.code);
        expect(error.message).toContain(rig.address);
      }
      await rig.restart();
      await port.set(rig.overrides[0], forever);
      expect(await rig.armed()).toEqual(rig.overrides[0]);
    });

    it("can be opened again after disposal", async () => {
      const first = await open();
      await first.set(rig.overrides[0], forever);
      await first[Symbol.asyncDispose]();
      await using second = await open();
      expect(await second.read(forever)).toEqual(rig.overrides[0]);
    });
  });
}

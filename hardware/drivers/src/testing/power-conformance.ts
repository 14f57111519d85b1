import { systemClock } from "@outrider/contracts/clock";
import { openDriver, type Driver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import type { NativeAction, PowerPort } from "@outrider/ports/power-port";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import type { Clock } from "@outrider/ports/time";
import type { Edge, EdgeName, SlotClient } from "@outrider/simulators/spawn";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { changeCounter } from "./change-counter.js";

/** A driver and the device it speaks to: a real process that keeps its own state and edges. */
export interface PowerRig extends AsyncDisposable {
  readonly driver: Driver<"power">;
  /** Options of the endpoint in a slot: 1 and 2 are there, 99 is not. */
  optionsOf(slot: number): object;
  /** The device's own controls and its edge log: what tests assert on. */
  readonly world: SlotClient;
  /** What a message must name so that a person finds the device. */
  readonly address: string;
  /** Ends the device's process without warning. */
  kill(): Promise<void>;
  /** Starts it again, where it was. */
  restart(): Promise<void>;
  /** Takes the supply away without asking the device. */
  loseSupply(slot: number): Promise<void>;
}

/** The edge that each native action makes. */
const NATIVE_EDGES = {
  PowerCycle: undefined,
  ForceRestart: "reset",
  PushPowerButton: "press",
  Nmi: "nmi",
} as const satisfies Record<NativeAction, EdgeName | undefined>;

const COMPOSED: readonly string[] = ["On", "ForceOff", "PowerCycle"];
const forever = new AbortController().signal;
const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** Opens the endpoint of a slot, as an agent does. */
export function openSlot(
  { driver, optionsOf }: PowerRig,
  slot = 1,
  clock: Clock = systemClock,
): Promise<PowerPort> {
  return openDriver(driver, optionsOf(slot), { clock, log, signal: forever });
}

/** What a promise rejects with. */
export function failure(promise: Promise<unknown>): Promise<PortError> {
  return promise.then(
    () => expect.unreachable("it succeeded"),
    (error: unknown) => error as PortError,
  );
}

/**
 * What every power driver must do, proved on the device's own edges, never on the driver's word.
 * Tests act on slot 1; slot 2 is the neighbour that nothing may happen to.
 */
export function describePowerPort(name: string, startRig: () => Promise<PowerRig>): void {
  describe(`${name} as a power port`, { timeout: 60_000 }, () => {
    let rig: PowerRig;
    let since = 0;

    beforeAll(async () => {
      rig = await startRig();
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      since = (await rig.world.edges()).at(-1)?.seq ?? 0;
    });
    afterEach(async () => {
      await rig.world.faults(1, {});
      await rig.world.supply(1, false);
      expect(await rig.world.edges({ slot: 2 }), "edges of the neighbour").toEqual([]);
    });

    /** What was done to the slot by request, in this test. */
    const asked = async (): Promise<EdgeName[]> =>
      (await rig.world.edges({ since, slot: 1 }))
        .filter(({ cause }) => cause === "api")
        .map(({ edge }) => edge);
    const edge = (wanted: EdgeName): Promise<Edge> =>
      rig.world.waitForEdge((it) => it.slot === 1 && it.edge === wanted, soon(), since);

    it("switches the supply, once, and reads what it is", async () => {
      await using port = await openSlot(rig);
      expect(await port.read(forever)).toEqual({
        supply: "Off",
        supplyEvidence: "ReadBack",
        host: "Halted",
        hostEvidence: "Assumed",
      });
      await port.setSupply(true, forever);
      expect(await asked()).toEqual(["supply-on"]);
      expect(await port.read(forever)).toEqual({
        supply: "On",
        supplyEvidence: "ReadBack",
        host: "Running",
        hostEvidence: "ReadBack",
      });
      await port.setSupply(false, forever);
      expect(await asked()).toEqual(["supply-on", "supply-off"]);
      expect(await port.read(forever)).toMatchObject({ supply: "Off", supplyEvidence: "ReadBack" });
    });

    it("reads what somebody else has switched", async () => {
      await using port = await openSlot(rig);
      await port.read(forever);
      await rig.world.supply(1, true);
      expect(await port.read(forever)).toMatchObject({ supply: "On", host: "Running" });
      await rig.world.supply(1, false);
      expect(await port.read(forever)).toMatchObject({ supply: "Off" });
    });

    it("takes the present state again without an error and without an edge", async () => {
      await using port = await openSlot(rig);
      await port.setSupply(false, forever);
      expect(await asked()).toEqual([]);
      await port.setSupply(true, forever);
      await port.setSupply(true, forever);
      expect(await asked()).toEqual(["supply-on"]);
    });

    it("tells a halted host on a live supply from a supply that is off", async () => {
      await using port = await openSlot(rig);
      await port.setSupply(true, forever);
      await rig.world.button(1, { holdMs: 4000 });
      await edge("halted");
      expect(await port.read(forever)).toMatchObject({
        supply: "On",
        host: "Halted",
        hostEvidence: "ReadBack",
      });
    });

    it("does not take a request for its outcome: a welded relay is read as on", async () => {
      await using port = await openSlot(rig);
      await port.setSupply(true, forever);
      await rig.world.faults(1, { stuckOn: true });
      await port.setSupply(false, forever);
      expect(await port.read(forever)).toMatchObject({ supply: "On", supplyEvidence: "ReadBack" });
      expect(await asked()).toEqual(["supply-on"]);
    });

    it("passes a refusal on, with the device's words, and does not try again", async () => {
      await using port = await openSlot(rig);
      await rig.world.faults(1, { refuseOn: 1 });
      const on = await failure(port.setSupply(true, forever));
      expect(on).toBeInstanceOf(PortError);
      expect(on.code).toBe("refused");
      expect(on.message).toContain("refuses to switch on");
      expect(await asked()).toEqual([]);
      await port.setSupply(true, forever);
      await rig.world.faults(1, { refuseOff: true });
      expect(await failure(port.setSupply(false, forever))).toMatchObject({ code: "refused" });
      expect(await asked()).toEqual(["supply-on"]);
    });

    it("declares exactly the actions that it has", async () => {
      await using port = await openSlot(rig);
      const { actions } = rig.driver;
      expect(actions).toEqual(expect.arrayContaining(["On", "ForceOff"]));
      const declared = actions.filter((action) => !COMPOSED.includes(action));
      const native = Object.keys(port.native).filter((action) => !COMPOSED.includes(action));
      expect(native.toSorted()).toEqual(declared.toSorted());
    });

    describe.each(
      Object.entries(NATIVE_EDGES).flatMap(([action, expected]) =>
        expected === undefined ? [] : [{ action: action as NativeAction, expected }],
      ),
    )("$action", ({ action, expected }) => {
      it(`makes one ${expected} edge`, async ({ skip }) => {
        await using port = await openSlot(rig);
        const act = port.native[action] ?? skip("the device does not do this by itself");
        await port.setSupply(true, forever);
        await act(forever);
        await edge(expected);
        expect(await asked()).toEqual(["supply-on", expected]);
      });

      it("is refused while the supply is off, and makes no edge", async ({ skip }) => {
        await using port = await openSlot(rig);
        const act = port.native[action] ?? skip("the device does not do this by itself");
        const error = await failure(act(forever));
        expect(error).toMatchObject({ name: "PortError", code: "refused" });
        expect(error.message).toContain("supply is off");
        expect(await asked()).toEqual([]);
      });
    });

    it("wakes a halted host by one press of the button", async ({ skip }) => {
      await using port = await openSlot(rig);
      const press = port.native.PushPowerButton ?? skip("the device has no button");
      await port.setSupply(true, forever);
      await rig.world.button(1, { holdMs: 4000 });
      await edge("halted");
      await press(forever);
      expect(await port.read(forever)).toMatchObject({ supply: "On", host: "Running" });
      expect((await asked()).filter((it) => it === "press")).toHaveLength(2);
    });

    it("reads while a slow action is under way, and as it is, not as it will be", async () => {
      await using port = await openSlot(rig);
      await rig.world.faults(1, { delayMs: 1500 });
      const order: string[] = [];
      const switching = port.setSupply(true, forever).then(() => order.push("switched"));
      const reading = await port.read(forever);
      order.push("read");
      await switching;
      expect(order).toEqual(["read", "switched"]);
      expect(reading).toMatchObject({ supply: "Off" });
      expect(await asked()).toEqual(["supply-on"]);
      expect(await port.read(forever)).toMatchObject({ supply: "On" });
    });

    it("answers many questions at once", async () => {
      await using port = await openSlot(rig);
      await port.setSupply(true, forever);
      const readings = await Promise.all(Array.from({ length: 20 }, () => port.read(forever)));
      expect(new Set(readings.map(({ supply, host }) => `${supply}/${host}`))).toEqual(
        new Set(["On/Running"]),
      );
    });

    describe("a silent device", () => {
      /** Whether the promise stays open while the device answers others. */
      const staysOpen = async (promise: Promise<unknown>): Promise<boolean> => {
        let open = true;
        const close = (): void => {
          open = false;
        };
        promise.then(close, close);
        for (let n = 0; n < 5; n++) await rig.world.get(2);
        return open;
      };

      it("is timed out at a deadline of the port's own", async () => {
        const clock = new ManualClock();
        await using port = await openSlot(rig, 1, clock);
        await rig.world.faults(1, { silent: true });
        const reading = failure(port.read(forever));
        const switching = failure(port.setSupply(true, forever));
        expect(await staysOpen(Promise.race([reading, switching]))).toBe(true);
        clock.advance(60_000);
        expect(await reading).toMatchObject({ name: "PortError", code: "timed-out" });
        expect(await switching).toMatchObject({ name: "PortError", code: "timed-out" });
        await rig.world.faults(1, {});
        expect(await port.read(forever)).toMatchObject({ supply: "Off" });
        expect(await asked()).toEqual([]);
      });

      it("is given up at once when the caller says so, with the caller's reason", async () => {
        const clock = new ManualClock();
        await using port = await openSlot(rig, 1, clock);
        await rig.world.faults(1, { silent: true });
        const caller = new AbortController();
        const reason = new Error("the agent stops");
        const calls = [port.read(caller.signal), port.setSupply(true, caller.signal)].map(failure);
        expect(await staysOpen(Promise.race(calls))).toBe(true);
        caller.abort(reason);
        for (const call of calls) expect(await call).toBe(reason);
        expect(clock.sleeping).toBe(0);
      });

      it("is timed out by a caller's own time limit", async () => {
        await using port = await openSlot(rig, 1, new ManualClock());
        await rig.world.faults(1, { silent: true });
        const error = await failure(port.read(AbortSignal.timeout(50)));
        expect(error).toMatchObject({ name: "PortError", code: "timed-out" });
      });

      it("that acted is asked once and is read as it is", async () => {
        const clock = new ManualClock();
        await using port = await openSlot(rig, 1, clock);
        await rig.world.faults(1, { silent: "after-acting" });
        const switching = failure(port.setSupply(true, forever));
        await edge("supply-on");
        clock.advance(60_000);
        expect(await switching).toMatchObject({ code: "timed-out" });
        await rig.world.faults(1, {});
        expect(await port.read(forever)).toMatchObject({ supply: "On" });
        expect(await asked()).toEqual(["supply-on"]);
      });
    });

    it("does nothing for a caller who has given up before", async () => {
      await using port = await openSlot(rig);
      const gone = AbortSignal.abort(new Error("gone"));
      await expect(port.setSupply(true, gone)).rejects.toThrow("gone");
      await expect(port.read(gone)).rejects.toThrow("gone");
      expect(await asked()).toEqual([]);
    });

    it("can be opened again after disposal, and twice at once", async () => {
      const first = await openSlot(rig);
      await first.setSupply(true, forever);
      await first[Symbol.asyncDispose]();
      await using second = await openSlot(rig);
      await using third = await openSlot(rig);
      expect(await second.read(forever)).toMatchObject({ supply: "On" });
      expect(await third.read(forever)).toMatchObject({ supply: "On" });
      expect(await asked()).toEqual(["supply-on"]);
    });

    it("names the option when the device has no such slot", async () => {
      await using port = await openSlot(rig, 99);
      const error = await failure(port.read(forever));
      expect(error).toMatchObject({ name: "PortError", code: "invalid-options" });
      expect(error.message).toContain("option slot");
    });

    describe("a supply that is lost from outside", () => {
      it("is read as off", async () => {
        await using port = await openSlot(rig);
        await port.setSupply(true, forever);
        await port.read(forever);
        await rig.loseSupply(1);
        await edge("brown-out");
        expect(await port.read(forever)).toMatchObject({
          supply: "Off",
          supplyEvidence: "ReadBack",
        });
      });

      it("is said by watch", async ({ skip }) => {
        await using port = await openSlot(rig);
        if (!port.watch) return skip("the device does not tell");
        await port.setSupply(true, forever);
        const changes = changeCounter();
        using _watch = port.watch(changes.call);
        await changes.reaches(1, soon());
        const reading = changes.until(
          async () => (await port.read(forever)).supply === "Off",
          soon(),
        );
        await rig.loseSupply(1);
        await reading;
      });
    });

    it("says by watch that the host halted, until the watch is disposed", async ({ skip }) => {
      await using port = await openSlot(rig);
      if (!port.watch) return skip("the device does not tell");
      await port.setSupply(true, forever);
      const changes = changeCounter();
      const watch = port.watch(changes.call);
      await changes.reaches(1, soon());
      const reading = changes.until(
        async () => (await port.read(forever)).host === "Halted",
        soon(),
      );
      await rig.world.button(1, { holdMs: 4000 });
      await reading;
      watch[Symbol.dispose]();
      const heard = changes.count();
      await rig.world.supply(1, false);
      await port.read(forever);
      expect(changes.count()).toBe(heard);
    });

    it("is unreachable, never off, once the device's process is gone; and is back with it", async () => {
      await using own = await startRig();
      await using port = await openSlot(own);
      await port.setSupply(true, forever);
      const changes = changeCounter();
      using _watch = port.watch?.(changes.call);
      if (port.watch) await changes.reaches(1, soon());
      const lost = changes.until(
        () =>
          port.read(forever).then(
            () => false,
            (error: PortError) => error.code === "unreachable",
          ),
        soon(),
      );
      await own.kill();
      if (port.watch) await lost;
      const calls = [port.read(forever), port.setSupply(false, forever), ...nativeCalls(port)];
      for (const call of calls) {
        const error = await failure(call);
        expect(error).toMatchObject({ name: "PortError", code: "unreachable" });
        expect(error.message).toContain(own.address);
      }
      const back = changes.until(
        () =>
          port.read(forever).then(
            ({ supply }) => supply === "Off",
            () => false,
          ),
        soon(),
      );
      await own.restart();
      if (port.watch) await back;
      expect(await port.read(forever)).toMatchObject({ supply: "Off" });
      await port.setSupply(true, forever);
      expect(await own.world.get(1)).toMatchObject({ supply: "on" });
    });
  });
}

function nativeCalls(port: PowerPort): Promise<void>[] {
  return Object.values(port.native).map((act) => act(forever));
}

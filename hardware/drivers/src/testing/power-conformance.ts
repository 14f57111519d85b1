import { PortError } from "@outrider/ports/port-error";
import type { NativeAction } from "@outrider/ports/power-port";
import type { Edge, EdgeName } from "@outrider/simulators/spawn";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { describePowerLoss } from "./power-conformance-loss.js";
import { failure, forever, openSlot, soon, type Lack, type PowerRig } from "./power-rig.js";

/** The edge that each native action makes. */
const NATIVE_EDGES = {
  PowerCycle: undefined,
  GracefulShutdown: "press",
  ForceRestart: "reset",
  PushPowerButton: "press",
  Nmi: "nmi",
} as const satisfies Record<NativeAction, EdgeName | undefined>;

const COMPOSED: readonly string[] = ["On", "ForceOff", "PowerCycle"];

/** What a test of the suite works on. */
export interface PowerBench {
  readonly rig: PowerRig;
  /** What was done to slot 1 by request, in this test. */
  asked(): Promise<EdgeName[]>;
  /** The first edge of this name on slot 1 in this test, there or yet to come. */
  edge(name: EdgeName): Promise<Edge>;
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

    const lacks = (what: Lack): boolean => rig.lacks?.includes(what) ?? false;
    /** What is read of a host that runs. */
    const running = (): object =>
      lacks("host") ? { host: "Unknown" } : { host: "Running", hostEvidence: "ReadBack" };
    const asked = async (): Promise<EdgeName[]> =>
      (await rig.world.edges({ since, slot: 1 }))
        .filter(({ cause }) => cause === "api")
        .map(({ edge }) => edge);
    const edge = (wanted: EdgeName): Promise<Edge> =>
      rig.world.waitForEdge((seen) => seen.slot === 1 && seen.edge === wanted, soon(), since);

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
      expect(await port.read(forever)).toMatchObject({
        supply: "On",
        supplyEvidence: "ReadBack",
        ...running(),
      });
      await port.setSupply(false, forever);
      expect(await asked()).toEqual(["supply-on", "supply-off"]);
      expect(await port.read(forever)).toMatchObject({ supply: "Off", supplyEvidence: "ReadBack" });
    });

    it("reads what somebody else has switched", async () => {
      await using port = await openSlot(rig);
      await port.read(forever);
      await rig.world.supply(1, true);
      expect(await port.read(forever)).toMatchObject({ supply: "On", ...running() });
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

    it("tells a halted host on a live supply from a supply that is off", async ({ skip }) => {
      if (lacks("host")) skip("the device does not see the host");
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

    it("passes a refusal on, with the device's words, and does not try again", async ({ skip }) => {
      if (lacks("refusal")) skip("the device never says no");
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
      expect(new Set(native)).toEqual(new Set<string>(rig.native ?? declared));
      expect(declared).toEqual(expect.arrayContaining(native));
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

    it("never calls a cycle refused that it has taken: it may come late, and not be ended", async ({
      skip,
    }) => {
      await using port = await openSlot(rig);
      const cycle = port.native.PowerCycle ?? skip("the device does not do this by itself");
      await port.setSupply(true, forever);
      await rig.world.faults(1, { stuckOn: true });
      await expect(cycle(forever), "nothing is seen of it yet").resolves.toBeUndefined();
      expect(await port.read(forever)).toMatchObject({ supply: "On" });
      await port.setSupply(true, forever);
      await rig.world.faults(1, {});
      await rig.world.supply(1, false);
      expect(await port.read(forever)).toMatchObject({ supply: "Off" });
      await port.setSupply(true, forever);
      expect(await port.read(forever)).toMatchObject({ supply: "On" });
      expect(await asked()).toEqual(["supply-on", "supply-off", "supply-on"]);
    });

    it("wakes a halted host by one press of the button", async ({ skip }) => {
      await using port = await openSlot(rig);
      const press = port.native.PushPowerButton ?? skip("the device has no button");
      await port.setSupply(true, forever);
      await rig.world.button(1, { holdMs: 4000 });
      await edge("halted");
      await press(forever);
      expect(await port.read(forever)).toMatchObject({ supply: "On", host: "Running" });
      expect((await asked()).filter((seen) => seen === "press")).toHaveLength(2);
    });

    it("reads while a slow action is under way, and as it is, not as it will be", async ({
      skip,
    }) => {
      if (lacks("overlap")) skip("the device answers one after the other");
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
        new Set([lacks("host") ? "On/Unknown" : "On/Running"]),
      );
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

    it("names the option when the device has no such slot", async ({ skip }) => {
      if (lacks("outlets")) skip("the device does not say which outlets it has");
      await using port = await openSlot(rig, 99);
      const error = await failure(port.read(forever));
      expect(error).toMatchObject({ name: "PortError", code: "invalid-options" });
      expect(error.message).toContain(`option ${rig.slotOption ?? "slot"}`);
    });

    describePowerLoss(startRig, () => ({ rig, asked, edge }));
  });
}

import type { PortError } from "@outrider/ports/port-error";
import { USUAL_ANSWER, type PowerPort } from "@outrider/ports/power-port";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { describe, expect, it } from "vitest";
import { changeCounter } from "./change-counter.js";
import type { PowerBench } from "./power-conformance.js";
import { failure, forever, openSlot, soon, type PowerRig } from "./power-rig.js";

/** The part of the suite in which the device, or its supply, or its answers go missing. */
export function describePowerLoss(
  startRig: () => Promise<PowerRig>,
  bench: () => PowerBench,
): void {
  describe("a silent device", () => {
    it("is timed out at a deadline of the port's own", async () => {
      const { rig, asked } = bench();
      const clock = new ManualClock();
      await using port = await openSlot(rig, 1, clock);
      await rig.world.faults(1, { silent: true });
      const reading = failure(port.read(forever));
      const switching = failure(port.setSupply(true, forever));
      expect(await staysOpen(rig, Promise.race([reading, switching]))).toBe(true);
      const { read, act } = { ...USUAL_ANSWER, ...port.answersWithin };
      clock.advance(read);
      expect(await reading).toMatchObject({ name: "PortError", code: "timed-out" });
      clock.advance(Math.max(0, act - read));
      expect(await switching).toMatchObject({ name: "PortError", code: "timed-out" });
      await rig.world.faults(1, {});
      expect(await port.read(forever)).toMatchObject({ supply: "Off" });
      expect(await asked()).toEqual([]);
    });

    it("is given up at once when the caller says so, with the caller's reason", async () => {
      const { rig } = bench();
      const clock = new ManualClock();
      await using port = await openSlot(rig, 1, clock);
      await rig.world.faults(1, { silent: true });
      const caller = new AbortController();
      const reason = new Error("the agent stops");
      const calls = [port.read(caller.signal), port.setSupply(true, caller.signal)].map(failure);
      expect(await staysOpen(rig, Promise.race(calls))).toBe(true);
      caller.abort(reason);
      for (const call of calls) expect(await call).toBe(reason);
      expect(clock.sleeping).toBe(0);
    });

    it("is timed out by a caller's own time limit", async () => {
      const { rig } = bench();
      await using port = await openSlot(rig, 1, new ManualClock());
      await rig.world.faults(1, { silent: true });
      const error = await failure(port.read(AbortSignal.timeout(50)));
      expect(error).toMatchObject({ name: "PortError", code: "timed-out" });
    });

    it("that acted is asked once and is read as it is", async ({ skip }) => {
      const { rig, asked, edge } = bench();
      if (rig.lacks?.includes("blind-acts")) skip("nothing is asked of it while it is silent");
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

  describe("a supply that is lost from outside", () => {
    it("is read as off", async () => {
      const { rig, edge } = bench();
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
      const { rig } = bench();
      await using port = await openSlot(rig);
      await port.setSupply(true, forever);
      const changes = changeCounter();
      using _watch = port.watch?.(changes.call) ?? skip("the device does not tell");
      await changes.reaches(1, soon());
      const reading = changes.until(
        async () => (await port.read(forever)).supply === "Off",
        soon(),
      );
      await rig.loseSupply(1);
      await expect(reading).resolves.toBeUndefined();
    });
  });

  it("says by watch that the host halted, until the watch is disposed", async ({ skip }) => {
    const { rig } = bench();
    if (rig.lacks?.includes("host")) skip("the device does not see the host");
    await using port = await openSlot(rig);
    await port.setSupply(true, forever);
    const changes = changeCounter();
    const watch = port.watch?.(changes.call) ?? skip("the device does not tell");
    await changes.reaches(1, soon());
    const reading = changes.until(async () => (await port.read(forever)).host === "Halted", soon());
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
    const heard = (ask: () => Promise<boolean>): Promise<void> =>
      port.watch ? changes.until(ask, soon()) : Promise.resolve();
    const lost = heard(() =>
      port.read(forever).then(
        () => false,
        (error: PortError) => error.code === (own.unreachable ?? "unreachable"),
      ),
    );
    await own.kill();
    await lost;
    const calls = [port.read(forever), port.setSupply(false, forever), ...nativeCalls(port)];
    for (const error of await Promise.all(calls.map(failure))) {
      expect(error).toMatchObject({ name: "PortError", code: own.unreachable ?? "unreachable" });
      expect(error.message).toContain(own.address);
    }
    const back = heard(() =>
      port.read(forever).then(
        ({ supply }) => supply === "Off",
        () => false,
      ),
    );
    await own.restart();
    await back;
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
    await port.setSupply(true, forever);
    expect(await own.world.get(1)).toMatchObject({ supply: "on" });
  });
}

/** Whether the promise stays open while the device answers others. */
async function staysOpen({ world }: PowerRig, promise: Promise<unknown>): Promise<boolean> {
  let open = true;
  const close = (): void => {
    open = false;
  };
  promise.then(close, close);
  for (let n = 0; n < 5; n++) await world.get(2);
  return open;
}

function nativeCalls(port: PowerPort): Promise<void>[] {
  return Object.values(port.native).map((act) => act(forever));
}

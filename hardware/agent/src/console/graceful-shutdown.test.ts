import { milliseconds, seconds } from "@outrider/contracts/clock";
import { PortError } from "@outrider/ports/port-error";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import type { Outcome } from "../outcome.js";
import { ConsoleDevice } from "./console-device.js";
import { ConsoleRecorder } from "./console-recorder.js";
import { shutDownByConsole } from "./graceful-shutdown.js";
import { KernelWords } from "./kernel-words.js";
import { ModelConsole } from "./testing/model-console.js";

describe("a shutdown by Magic SysRq", () => {
  let clock: VirtualClock;
  let port: ModelConsole;
  let stopped: AbortController;
  let overtaken: AbortController;
  let outcome: Promise<Outcome>;

  beforeEach(() => {
    clock = new VirtualClock();
    port = new ModelConsole();
    stopped = new AbortController();
    overtaken = new AbortController();
  });

  function begin(): void {
    const nothing = (): void => {};
    const recorder = new ConsoleRecorder(
      { append: nothing, gap: nothing, break: nothing },
      () => 0,
      nothing,
    );
    port.start(recorder);
    const device = new ConsoleDevice("n1.console", port, recorder, clock);
    outcome = shutDownByConsole({
      press: (key, signal) => device.press(key, signal),
      words: new KernelWords(recorder, clock),
      signal: stopped.signal,
      overtaken: overtaken.signal,
      progress: nothing,
    });
    outcome.catch(() => undefined);
  }

  const keys = (): string => port.told.filter((one) => one !== "<break>").join("");

  it("syncs, remounts read-only and powers off, each by a break and with time for the one before", async () => {
    begin();
    await clock.advance(seconds(4));
    expect(port.told).toEqual(["<break>", "s"]);
    await clock.advance(seconds(2));
    expect(port.told).toEqual(["<break>", "s", "<break>", "u"]);
    await clock.advance(seconds(5));
    expect(port.told).toEqual(["<break>", "s", "<break>", "u", "<break>", "o"]);
    await clock.advance(seconds(1));
    expect(await outcome).toMatchObject({ status: "Succeeded", changed: true });
  });

  it("waits no longer than the kernel needs, where it says so, in however many pieces", async () => {
    begin();
    await clock.advance(milliseconds(100));
    port.say("[ 12.3] sysrq: Emergency Sync\r\n[ 12.4] Emergency Sy");
    await clock.advance(milliseconds(100));
    expect(keys()).toBe("s");
    port.say("nc complete\r\n");
    await clock.advance(milliseconds(1));
    expect(keys()).toBe("su");
    port.say("[ 12.5] Emergency Remount complete\r\n");
    await clock.advance(milliseconds(1));
    expect(keys()).toBe("suo");
    port.say("[ 12.6] sysrq: Power Off\r\n");
    await clock.advance(milliseconds(1));
    expect(await outcome).toMatchObject({ status: "Succeeded" });
  });

  it("does not take what was said before a key for its answer", async () => {
    begin();
    port.say("Emergency Sync complete\r\nEmergency Remount complete\r\n");
    await clock.advance(milliseconds(1));
    expect(keys()).toBe("su");
    await clock.advance(seconds(4));
    expect(keys()).toBe("su");
  });

  it("fails where the kernel allows no such key, and says what to set", async () => {
    begin();
    await clock.advance(milliseconds(1));
    port.say("sysrq: This sysrq operation is disabled.\r\n");
    await clock.advance(milliseconds(1));
    const end = await outcome;
    expect(end).toMatchObject({ status: "Failed", reasonCode: "refused", nothingDone: "refused" });
    expect(end.detail).toContain("kernel.sysrq");
    expect(keys()).toBe("s");
  });

  it("ends before the next key when the node is told something else meanwhile", async () => {
    begin();
    await clock.advance(seconds(6));
    expect(keys()).toBe("su");
    overtaken.abort(new Error("ForceOff took the place of the shutdown"));
    await clock.advance(seconds(20));
    const end = await outcome;
    expect(end).toMatchObject({ status: "Failed", reasonCode: "superseded" });
    expect(end.detail).toContain("ForceOff");
    expect(end.detail).toContain("read-only");
    expect(keys()).toBe("su");
  });

  it("has done nothing when the device refuses the first break, and says how far it came later on", async () => {
    const refusal = new PortError("refused", "no breaks today");
    port.fails = [refusal];
    begin();
    expect(await outcome).toMatchObject({
      status: "Failed",
      reasonCode: "refused",
      nothingDone: "refused",
    });
    port.told.length = 0;
    begin();
    await clock.advance(seconds(1));
    port.fails = [new PortError("unreachable", "the cable is out")];
    await clock.advance(seconds(5));
    const end = await outcome;
    expect(end).toMatchObject({ status: "Failed", reasonCode: "unreachable" });
    expect(end.nothingDone).toBeUndefined();
    expect(end.detail).toMatch(/not told to power off.*the cable is out.*sync/s);
  });

  it("is unknown when the line breaks with the last key", async () => {
    begin();
    await clock.advance(seconds(6));
    port.fails = [new PortError("unreachable", "the cable is out")];
    await clock.advance(seconds(6));
    expect(await outcome).toMatchObject({ status: "Unknown", reasonCode: "unreachable" });
  });

  it("is left to the journal when the agent stops in its middle", async () => {
    begin();
    await clock.advance(seconds(1));
    stopped.abort(new Error("the agent stops"));
    await clock.advance(seconds(1));
    await expect(outcome).rejects.toThrow("the agent stops");
    expect(keys()).toBe("s");
  });
});

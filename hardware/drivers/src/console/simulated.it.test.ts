import { join } from "node:path";
import { milliseconds } from "@outrider/contracts/clock";
import { startRack } from "@outrider/simulators/spawn";
import { peer } from "@outrider/transports/testing/hostile-peer";
import { beforeRetry } from "@outrider/testing/before-retry";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeConsolePort } from "../testing/console-conformance.js";
import { ConsoleRecorder, forever, openConsole } from "../testing/console-rig.js";
import { soon } from "../testing/power-rig.js";
import { slotConsoleRig } from "../testing/slot-console-rig.js";
import { driver } from "./simulated.js";

const POLL = { timeout: 20_000, interval: 10 };

function startRig() {
  return slotConsoleRig({
    driver,
    start: (dir) => startRack({ dir, slots: 2, consoleLogs: true }),
    optionsOf: (dir) => ({ socket: join(dir, "rack.sock"), slot: 1 }),
    socket: "rack.sock",
    ready: "login: ",
    // An interrupt first: whatever stands in the line is gone.
    dialogue: { type: "\u0003hello", expect: /hello/ },
    takesAll: true,
  });
}

describeConsolePort("simulated", startRig);

describe("the console of a simulated machine", { timeout: 60_000 }, () => {
  let rig: Awaited<ReturnType<typeof startRig>>;
  beforeAll(async () => {
    rig = await startRig();
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });

  // It runs, and somebody can log in.
  beforeRetry(async () => {
    await rig.lose();
    await rig.restore();
  });

  it("is shut down by SysRq S, U, O: each key after a break of its own", async () => {
    await using port = await openConsole(rig);
    const recorder = new ConsoleRecorder();
    port.start(recorder);
    await expect.poll(() => recorder.up, POLL).toBe(true);
    const { client } = rig.device;
    const since = (await client.edges()).at(-1)?.seq ?? 0;
    for (const [key, words] of [
      ["s", "Emergency Sync complete"],
      ["u", "Emergency Remount complete"],
      ["o", "Power Off"],
    ] as const) {
      await port.sendBreak?.(milliseconds(250), forever);
      await port.write(Buffer.from(key), forever);
      await expect.poll(() => recorder.text, POLL).toContain(words);
    }
    await client.waitForEdge(({ edge }) => edge === "halted", soon(), since);
    // The line stays up, whatever the machine does.
    expect(recorder.links).toEqual([{ up: true }]);
  });

  it("loses nothing of a flood that it can keep up with, and the count of the far end agrees", async () => {
    await rig.device.client.supply(1, false);
    await rig.device.client.supply(1, true);
    await using port = await openConsole(rig);
    const recorder = new ConsoleRecorder();
    port.start(recorder);
    await rig.device.client.reset(1);
    await expect.poll(() => recorder.text, POLL).toContain("login: ");
    await port.write(Buffer.from("root\rflood 50000\r"), forever);
    await expect.poll(() => recorder.text.slice(-100), POLL).toMatch(/flood 000050000[^]*# $/);
    expect(recorder.text.match(/flood \d{9}/g)).toEqual(
      Array.from({ length: 50_000 }, (_, n) => `flood ${String(n + 1).padStart(9, "0")}`),
    );
    expect(await rig.device.client.consoleCounts(1)).toMatchObject({ dropped: 0 });
  });

  it("names the option when the device has no such slot", async () => {
    const options = (): object => ({ ...rig.options(), slot: 99 });
    await using port = await openConsole({ driver, options });
    const recorder = new ConsoleRecorder();
    port.start(recorder);
    await expect.poll(() => recorder.links[0]?.detail, POLL).toContain("option slot");
  });

  it.each([
    ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"],
    ["another server", "HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\n{}", "not understood"],
  ])("does not take %s for a rack", async (_, text, words) => {
    await using other = await peer(
      () => {},
      (socket) => socket.write(text),
    );
    const options = (): object => ({ socket: other.path, slot: 1 });
    await using port = await openConsole({ driver, options });
    const recorder = new ConsoleRecorder();
    port.start(recorder);
    await expect.poll(() => recorder.links[0]?.detail, POLL).toContain(words);
  });
});

import { join } from "node:path";
import { openDriver } from "@outrider/ports/driver";
import { startRack } from "@outrider/simulators/spawn";
import { peer } from "@outrider/transports/testing/hostile-peer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { openSlot, type PowerRig } from "../testing/power-rig.js";
import { slotRig } from "../testing/slot-rig.js";
import { driver } from "./simulated.js";

const forever = new AbortController().signal;
const context = driverContext();

function startRig(listen?: string) {
  return slotRig({
    driver,
    start: (dir) => startRack({ dir, slots: 2, ...(listen === undefined ? {} : { listen }) }),
    optionsOf: (dir, slot) => ({ socket: join(dir, "rack.sock"), slot }),
    socket: "rack.sock",
    loseSupply: async ({ client }, slot) => void (await client.brownOut(slot)),
  });
}

describePowerPort("simulated", () => startRig());

describe("simulated", () => {
  let rig: PowerRig;
  beforeAll(async () => {
    rig = await startRig("127.0.0.1:0");
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });

  it("speaks to a rack on a port, and says that a host panicked", async () => {
    const url = `http://${rig.world.listen}`;
    await using port = await openDriver(driver, { url, slot: 1 }, context);
    await port.setSupply(true, forever);
    await rig.world.guest(1, "panic");
    expect(await port.read(forever)).toEqual({
      supply: "On",
      supplyEvidence: "ReadBack",
      host: "Halted",
      hostEvidence: "ReadBack",
      problem: "The host panicked.",
      drawWatts: 5,
    });
  });

  it("does not take another server's answer for a rack's", async () => {
    await using other = await peer(
      () => {},
      (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{"supply":"off"}'),
    );
    await using port = await openDriver(driver, { socket: other.path, slot: 1 }, context);
    await expect(port.read(forever)).rejects.toMatchObject({ name: "PortError", code: "protocol" });
    await expect(port.setSupply(true, forever)).rejects.toMatchObject({ code: "protocol" });
  });

  it.each([
    [{ slot: 1 }, "exactly one of url, socket"],
    [{ slot: 1, url: "http://127.0.0.1:1", socket: "/run/rack.sock" }, "exactly one"],
    [{ slot: 1, url: "http://127.0.0.1:99999" }, "The option url"],
    [{ slot: 1, url: "http://user:secret@127.0.0.1:1" }, "The option url"],
    [{ slot: 1, url: "file:///etc/passwd" }, "The option url"],
    [{ slot: 1, socket: "rack.sock" }, "The option socket"],
    [{ slot: 0, socket: "/run/rack.sock" }, "The option slot"],
    [{ slot: 1.5, socket: "/run/rack.sock" }, "The option slot"],
  ])("refuses the options %j", async (options, words) => {
    const opening = openDriver(driver, options, context);
    await expect(opening).rejects.toMatchObject({ code: "invalid-options" });
    await expect(opening).rejects.toThrow(words);
  });

  it("opens without the device being there", async () => {
    const options = { socket: "/nonexistent/rack.sock", slot: 1 };
    await using port = await openSlot({ driver, optionsOf: () => options });
    await expect(port.read(forever)).rejects.toMatchObject({ code: "unreachable" });
  });
});

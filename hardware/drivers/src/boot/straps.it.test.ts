import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDriver, type Driver } from "@outrider/ports/driver";
import { startRack } from "@outrider/simulators/spawn";
import { SimulatedSlotOptions } from "../simulated-slot.js";
import { describeBootPort } from "../testing/boot-conformance.js";
import { slotOutput } from "../testing/slot-output.js";
import { driver } from "./straps.js";

const STRAPPED = { target: "usb", mode: "persistent" } as const;

/** The driver over an output of a rack, as the agent hands it one. */
const overSlots: Driver<"boot", SimulatedSlotOptions> = {
  port: "boot",
  driver: "straps",
  summary: driver.summary,
  actions: driver.actions,
  options: SimulatedSlotOptions,
  example: { options: { url: "http://127.0.0.1:8070", slot: 1 } },
  open: async (options, context) => {
    const output = slotOutput(options, context.clock);
    const inner = driver as unknown as Driver<"boot">;
    const port = await openDriver(inner, { target: "usb" }, context, { output });
    return { ...port, [Symbol.asyncDispose]: () => output[Symbol.asyncDispose]() };
  },
};

describeBootPort("straps", async () => {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  let rack = await startRack({ dir, slots: 1 });
  return {
    driver: overSlots as unknown as Driver<"boot">,
    options: { socket: join(dir, "rack.sock"), slot: 1 },
    overrides: [STRAPPED],
    refused: { target: "network", mode: "persistent" },
    armed: async () => {
      const [slot] = await rack.client.slots();
      return slot?.supply === "on" ? STRAPPED : undefined;
    },
    arm: async (override) => void (await rack.client.supply(1, override !== undefined)),
    address: join(dir, "rack.sock"),
    freeze: () => void process.kill(rack.pid, "SIGSTOP"),
    thaw: () => void process.kill(rack.pid, "SIGCONT"),
    kill: async () => {
      process.kill(rack.pid, "SIGKILL");
      await rack.stop();
    },
    restart: async () => {
      rack = await startRack({ dir, slots: 1 });
    },
    [Symbol.asyncDispose]: async () => {
      await rack.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
});

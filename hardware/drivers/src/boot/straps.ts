import { OneOf } from "@outrider/contracts/decorators";
import { BOOT_TARGETS, type BootPort, type BootTarget } from "@outrider/ports/boot-port";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";

export class StrapsOptions {
  /** Where the node boots from while the strap is active: `usb` for nRPIBOOT of a Compute Module. */
  @OneOf(BOOT_TARGETS) target!: BootTarget;
}

export const driver = defineDriver({
  port: "boot",
  driver: "straps",
  summary:
    "A strap that is sampled when the node gets supply, such as nRPIBOOT, held by an output of any mechanism.",
  actions: [],
  options: StrapsOptions,
  needs: { output: { port: "digital-output", summary: "holds the strap while it is active" } },
  example: {
    options: { target: "usb" },
    needs: {
      output: {
        driver: "pca9555",
        options: { bus: "i2c-1", address: 0x20, line: 2, activeLow: true },
      },
    },
  },
  open: async ({ target }: StrapsOptions, _, { output }): Promise<BootPort> => ({
    targets: [target],
    // Nobody sees here that the node has sampled it, so that it can end by itself.
    modes: ["persistent"],
    read: async (signal) =>
      (await output.read(signal)) ? { target, mode: "persistent" } : undefined,
    set: async (override, signal) => {
      signal.throwIfAborted();
      if (override && (override.target !== target || override.mode !== "persistent")) {
        throw new PortError(
          "unsupported",
          `The strap stands for ${target}, until it is changed, and for nothing else (asked for ${override.target}, ${override.mode}).`,
        );
      }
      await output.set(override !== undefined, signal);
    },
    [Symbol.asyncDispose]: async () => {},
  }),
});

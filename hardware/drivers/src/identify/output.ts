import { OneOf, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";

/** What switches the lamp has its own options. */
export class OutputLampOptions {
  /** The state of the output in which the lamp shines. Default active. */
  @Optional() @OneOf(["active", "inactive"]) litWhile?: "active" | "inactive";
}

export const driver = defineDriver({
  port: "identify",
  driver: "output",
  summary: "A lamp at an output of any mechanism.",
  actions: [],
  options: OutputLampOptions,
  needs: { output: { port: "digital-output", summary: "lights the lamp" } },
  example: {
    options: {},
    needs: { output: { driver: "gpio", options: { chip: "pinctrl-rp1", line: 25 } } },
  },
  proof: "gpio-amdpt of Linux 6.1 in a QEMU 7.2 guest, its registers seen from outside",
  open: async ({ litWhile = "active" }: OutputLampOptions, _, { output }) => ({
    read: async (signal) => (await output.read(signal)) === (litWhile === "active"),
    set: (on, signal) => output.set(on === (litWhile === "active"), signal),
    [Symbol.asyncDispose]: async () => {},
  }),
});

import { OneOf, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import {
  SUPPLY_OFF,
  SUPPLY_ON,
  type PowerPort,
  type PowerReading,
} from "@outrider/ports/power-port";
import { seconds } from "@outrider/ports/time";

/** What switches the supply has its own options. */
export class OutputPowerOptions {
  /** The state of the output in which the node has supply: `inactive` for a relay that is closed at rest. Default active. */
  @Optional() @OneOf(["active", "inactive"]) onWhile?: "active" | "inactive";
}

export const driver = defineDriver({
  port: "power",
  driver: "output",
  summary: "A relay, load switch or enable line that is the supply of a node, of any mechanism.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: OutputPowerOptions,
  needs: {
    output: { port: "digital-output", untouched: true, summary: "switches the supply" },
    sense: {
      port: "digital-input",
      optional: true,
      summary: "is active while the node has supply: a power-good line, or its 3.3 V",
    },
  },
  example: {
    options: {},
    needs: {
      output: { driver: "pca9555", options: { bus: "i2c-1", address: 0x20, line: 0 } },
      sense: { driver: "pca9555", options: { bus: "i2c-1", address: 0x20, line: 8 } },
    },
  },
  proof:
    "gpio-amdpt of Linux 6.1 in a QEMU 7.2 guest whose lines switch the supply of another machine",
  open: async (
    { onWhile = "active" }: OutputPowerOptions,
    _,
    { output, sense },
  ): Promise<PowerPort> => ({
    read: async (signal) => {
      const told = (await output.read(signal)) === (onWhile === "active");
      return readingOf(told, output.evidence, await sense?.read(signal));
    },
    setSupply: (on, signal) => output.set(on === (onWhile === "active"), signal),
    // The output and the sense line, each of another device perhaps.
    answersWithin: { read: seconds(10) },
    native: {},
    [Symbol.asyncDispose]: async () => {},
  }),
});

/** What the sense line says is more than what the switch says of itself. */
function readingOf(
  told: boolean,
  evidence: "ReadBack" | "Assumed",
  sensed: boolean | undefined,
): PowerReading {
  const on = sensed ?? told;
  const supplyEvidence = sensed === undefined ? evidence : "SenseLine";
  const problem =
    on === told
      ? {}
      : {
          problem: on
            ? "The output is off, and the sense line says that there is supply: look at the relay and its wires."
            : "The output is on, and the sense line says that there is no supply: look at the fuse, the relay and its wires.",
        };
  return on
    ? { ...SUPPLY_ON, supplyEvidence, ...problem }
    : { ...SUPPLY_OFF, supplyEvidence, ...problem };
}

import { OneOf, Optional } from "@outrider/contracts/decorators";
import type { DigitalOutputPort } from "@outrider/ports/digital-output-port";
import { defineDriver } from "@outrider/ports/driver";
import { SerialControl } from "@outrider/transports/serial-control";
import { IsBoolean, Matches } from "class-validator";

export class SerialLineOptions {
  /** `/dev/serial/by-path/…` names the socket that an adapter is plugged into. The port can be no console besides. */
  @Matches(/^\/.{1,254}$/)
  path!: string;
  /** Which of the port's control lines. */
  @OneOf(["dtr", "rts"])
  line!: "dtr" | "rts";
  /** Active is a line that is not asserted. Default: active is asserted, which is low on a TTL adapter. */
  @Optional()
  @IsBoolean()
  activeLow?: boolean;
  /** What it is set to in taking it: at each start of the agent and each change of the options, so only for a line that rests at one level, such as a reset or a button; the supply of a node refuses it. Default: left as it is; Linux asserts both lines when it opens a port the first time after it has started. */
  @Optional()
  @OneOf(["active", "inactive"])
  initial?: "active" | "inactive";
}

export const driver = defineDriver({
  port: "digital-output",
  driver: "serial-line",
  summary:
    "DTR or RTS of a serial port that is no console: for a transistor, an optocoupler or a small relay.",
  actions: [],
  options: SerialLineOptions,
  exclusive: ["path", "line"],
  resource: { kind: "serial", options: ["path"] },
  example: {
    options: {
      path: "/dev/serial/by-path/platform-xhci-hcd.0-usb-0:1.4:1.0-port0",
      line: "dtr",
      initial: "inactive",
    },
  },
  proof: "a 16550 of QEMU 7.2 in a Linux 6.1 guest, its registers read past the kernel",
  open: async (options, { signal }): Promise<DigitalOutputPort> => {
    const { path, line, activeLow = false, initial } = options;
    const asserted = (active: boolean): boolean => active !== activeLow;
    signal.throwIfAborted();
    const owner = `outrider/pid ${process.pid}`;
    const on = initial === undefined ? undefined : asserted(initial === "active");
    const control = await SerialControl.open({ path, line, owner, on });
    return {
      // No port says what its line is at; the system only knows what it was told.
      evidence: "Assumed",
      read: async (within) => {
        within.throwIfAborted();
        return asserted(await control.read());
      },
      set: async (active, within) => {
        within.throwIfAborted();
        await control.set(asserted(active));
      },
      [Symbol.asyncDispose]: () => control[Symbol.asyncDispose](),
    };
  },
});

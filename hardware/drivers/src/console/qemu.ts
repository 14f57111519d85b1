import { Integer } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { Matches } from "class-validator";
import { slotConsole } from "../slot-console-port.js";

/** A slot of a chassis of QEMU virtual machines. */
export class QemuConsoleOptions {
  /** Absolute path of the chassis's directory. It holds `chassis.sock`. */
  @Matches(/^\/.{0,90}$/)
  directory!: string;
  /** Counts from 1. */
  @Integer(1, 9999)
  slot!: number;
}

export const driver = defineDriver({
  port: "console",
  driver: "qemu",
  summary: "The serial console of a slot of a chassis of QEMU virtual machines.",
  actions: ["GracefulShutdown"],
  options: QemuConsoleOptions,
  exclusive: ["directory", "slot"],
  example: { options: { directory: "/run/outrider/chassis", slot: 1 } },
  proof: "QEMU 7.2",
  open: async ({ directory, slot }, { clock }) =>
    slotConsole({
      address: { socketPath: `${directory}/chassis.sock` },
      slot,
      name: "The chassis",
      clock,
    }),
});

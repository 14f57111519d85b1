import type { PortKind } from "@outrider/ports/driver";
import { joinDeviceGuest, STUB_BUS, type DeviceGuest } from "./device-guest-rig.js";
import type { DigitalInputRig } from "./digital-input-conformance.js";
import type { DigitalOutputRig } from "./digital-output-conformance.js";

export interface ExpanderOnStub {
  readonly driver: string;
  readonly address: number;
  /** Registers of the first bank. */
  readonly registers: Readonly<Record<"levels" | "outputs" | "directions", number>>;
}

const LINE = 11;
const BANK = 1;
const MASK = 1 << 3;

/** The stub has one chip for all: those who test at one take turns. The rest of its lines must stay as they are. */
async function chipOf({ address, registers }: ExpanderOnStub, guest: DeviceGuest) {
  // A chip, and the second agent, which is killed.
  await guest.lock("second");
  await guest.lock(`chip ${address}`);
  const { directions, outputs, levels } = registers;
  for (const bank of [0, 1]) {
    await guest.poke(address, directions + bank, 0xff);
    await guest.poke(address, outputs + bank, 0xff);
    await guest.poke(address, levels + bank, 0x55);
  }
  const bit = async (register: number, value: boolean): Promise<void> => {
    const before = await guest.peek(address, register + BANK);
    await guest.poke(address, register + BANK, value ? before | MASK : before & ~MASK);
  };
  const has = async (register: number): Promise<boolean> =>
    ((await guest.peek(address, register + BANK)) & MASK) !== 0;
  const open = (port: PortKind, driver: string, agent?: "second") =>
    guest.open(
      port,
      { driver, options: { bus: STUB_BUS, address, line: LINE, activeLow: true } },
      agent,
    );
  return { bit, has, open };
}

/** Line 11 of the chip, active when low, as an output. */
export async function expanderOutputRig(stub: ExpanderOnStub): Promise<DigitalOutputRig> {
  const guest = await joinDeviceGuest();
  const { bit, has, open } = await chipOf(stub, guest);
  const { outputs, directions } = stub.registers;
  return {
    open: () => open("digital-output", stub.driver) as ReturnType<DigitalOutputRig["open"]>,
    openSecond: () =>
      open("digital-output", stub.driver, "second") as ReturnType<DigitalOutputRig["open"]>,
    // A crash takes long to start anew in a guest, and is tried on one of them.
    ...(stub.driver === "pca9555" ? { killSecond: () => guest.killSecond() } : {}),
    active: async () => {
      const neighbours = (await guest.peek(stub.address, outputs + BANK)) | MASK;
      if (neighbours !== 0xff) throw new Error("another line was changed");
      return !(await has(directions)) && !(await has(outputs));
    },
    force: (active) => bit(outputs, !active),
    [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose](),
  };
}

/** The same line as an input. */
export async function expanderInputRig(stub: ExpanderOnStub): Promise<DigitalInputRig> {
  const guest = await joinDeviceGuest();
  const { bit, open } = await chipOf(stub, guest);
  return {
    open: () => open("digital-input", stub.driver) as ReturnType<DigitalInputRig["open"]>,
    openSecond: () =>
      open("digital-input", stub.driver, "second") as ReturnType<DigitalInputRig["open"]>,
    drive: (active) => bit(stub.registers.levels, !active),
    [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose](),
  };
}

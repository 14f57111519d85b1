import { Optional } from "@outrider/contracts/decorators";
import type { BootOverride, BootTarget } from "@outrider/ports/boot-port";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import type { Ipmitool } from "@outrider/transports/ipmitool";
import { IsBoolean } from "class-validator";
import { EXAMPLE_BMC, IpmiOptions, openIpmi } from "../ipmi-bmc.js";

/** Boot device selectors (IPMI 2.0, table 28-14, parameter 5). */
const DEVICES = {
  network: 1,
  disk: 2,
  diagnostics: 4,
  cd: 5,
  "firmware-setup": 6,
} as const satisfies Partial<Record<BootTarget, number>>;
type Target = keyof typeof DEVICES;
const TARGETS = Object.keys(DEVICES) as Target[];

const SET_BOOT_OPTIONS = [0x00, 0x08];
const GET_BOOT_FLAGS = [0x00, 0x09, 0x05, 0x00, 0x00];
/** Parameter 3, bit 3: the flags stay valid although no start follows within a minute. */
const KEEP_FLAGS = [...SET_BOOT_OPTIONS, 0x03, 0x08];
const VALID = 0x80;
const PERSISTENT = 0x40;
const EFI = 0x20;

export class IpmiBootOptions extends IpmiOptions {
  /** False for a machine that boots by BIOS. Default: by EFI. */
  @Optional() @IsBoolean() efi?: boolean;
}

export const driver = defineDriver({
  port: "boot",
  driver: "ipmi",
  summary: "The boot override of a machine behind a BMC that speaks IPMI 2.0.",
  actions: [],
  options: IpmiBootOptions,
  exclusive: ["host", "port"],
  exclusiveDefaults: { port: 623 },
  network: "host",
  example: { options: EXAMPLE_BMC },
  proof: "ipmitool 1.8.19 with a BMC of pyghmi 1.6.19",
  open: async (options, context) => {
    const bmc = await openIpmi(options, context);
    const efi = options.efi === false ? 0 : EFI;
    return {
      targets: TARGETS,
      modes: ["once", "persistent"],
      read: (signal) => read(bmc, signal),
      set: (override, signal) => set(bmc, efi, override, signal),
      [Symbol.asyncDispose]: async () => {},
    };
  },
});

async function read(bmc: Ipmitool, signal: AbortSignal): Promise<BootOverride | undefined> {
  const [, , flags = 0, selector = 0] = await bmc.read(GET_BOOT_FLAGS, signal);
  const device = (selector >> 2) & 0x0f;
  if ((flags & VALID) === 0 || device === 0) return undefined;
  const target = TARGETS.find((one) => DEVICES[one] === device);
  if (target === undefined) {
    throw new PortError(
      "protocol",
      `${bmc.what} says a boot device that has no name here (${device}). Clear it, or set another.`,
    );
  }
  return { target, mode: (flags & PERSISTENT) === 0 ? "once" : "persistent" };
}

async function set(
  bmc: Ipmitool,
  efi: number,
  override: BootOverride | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (override === undefined) {
    return bmc.act([...SET_BOOT_OPTIONS, 0x05, 0, 0, 0, 0, 0], signal);
  }
  const device = DEVICES[override.target as Target] as number | undefined;
  if (device === undefined) {
    throw new PortError(
      "unsupported",
      `${bmc.what} cannot be told to boot from ${override.target}, only from ${TARGETS.join(", ")}. Choose one of these.`,
    );
  }
  await bmc.act(KEEP_FLAGS, signal).catch((error: unknown) => {
    // Optional by the standard; without it the override counts for a minute.
    if (!(error instanceof PortError) || !["refused", "unsupported"].includes(error.code))
      throw error;
  });
  const mode = override.mode === "persistent" ? PERSISTENT : 0;
  await bmc.act([...SET_BOOT_OPTIONS, 0x05, VALID | mode | efi, device << 2, 0, 0, 0], signal);
}

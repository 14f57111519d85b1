import { defineDriver } from "@outrider/ports/driver";
import { BOOT_TARGETS, type BootOverride, type BootTarget } from "@outrider/ports/boot-port";
import { PortError } from "@outrider/ports/port-error";
import { isJson } from "@outrider/transports/redfish";
import { openRedfish, RedfishOptions, type RedfishSystem } from "../redfish-system.js";

/** The standard's words (`BootSource` of ComputerSystem). */
const SOURCES = {
  network: "Pxe",
  http: "UefiHttp",
  disk: "Hdd",
  "sd-card": "SDCard",
  usb: "Usb",
  cd: "Cd",
  "firmware-setup": "BiosSetup",
  recovery: "Recovery",
  diagnostics: "Diags",
} as const satisfies Record<BootTarget, string>;

export const driver = defineDriver({
  port: "boot",
  driver: "redfish",
  summary: "The boot override of a system behind a BMC that speaks Redfish.",
  actions: [],
  options: RedfishOptions,
  exclusive: ["url", "system"],
  network: "url",
  example: {
    options: {
      url: "https://10.0.0.21",
      username: "outrider",
      password: { file: "/etc/outrider/secrets/bmc" },
      caFile: "/etc/outrider/bmc-ca.pem",
      system: "1",
    },
  },
  proof: "sushy-emulator 2.2.0",
  open: async (options, context) => {
    const system = await openRedfish(options, context);
    return {
      targets: BOOT_TARGETS,
      modes: ["once", "persistent"],
      read: (signal) => read(system, signal),
      set: (override, signal) => set(system, override, signal),
      [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
    };
  },
});

async function read(system: RedfishSystem, signal: AbortSignal): Promise<BootOverride | undefined> {
  const boot = await bootOf(system, signal);
  const { BootSourceOverrideEnabled: enabled, BootSourceOverrideTarget: source } = boot;
  if (enabled === "Disabled" || source === "None" || source === undefined) return undefined;
  const target = BOOT_TARGETS.find((one) => SOURCES[one] === source);
  if (target === undefined || (enabled !== "Once" && enabled !== "Continuous")) {
    throw new PortError(
      "protocol",
      `${system.what} says a boot override that has no name here (${JSON.stringify([source, enabled]).slice(0, 80)}). Clear it, or set another.`,
    );
  }
  const url = boot["HttpBootUri"];
  return {
    target,
    mode: enabled === "Once" ? "once" : "persistent",
    ...(target === "http" && typeof url === "string" && url !== "" ? { url } : {}),
  };
}

async function set(
  system: RedfishSystem,
  override: BootOverride | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (override === undefined) {
    const cleared = { BootSourceOverrideTarget: "None", BootSourceOverrideEnabled: "Disabled" };
    return system.patch({ Boot: cleared }, signal);
  }
  const { target, mode, url } = override;
  const allowed = (await bootOf(system, signal))[
    "BootSourceOverrideTarget@Redfish.AllowableValues"
  ];
  if (Array.isArray(allowed) && !allowed.includes(SOURCES[target])) {
    const known = BOOT_TARGETS.filter((one) => allowed.includes(SOURCES[one]));
    throw new PortError(
      "unsupported",
      `${system.what} cannot be told to boot from ${target}, only from ${known.join(", ")}. Choose one of these.`,
    );
  }
  await system.patch(
    {
      Boot: {
        BootSourceOverrideTarget: SOURCES[target],
        BootSourceOverrideEnabled: mode === "once" ? "Once" : "Continuous",
        ...(url === undefined ? {} : { HttpBootUri: url }),
      },
    },
    signal,
  );
}

async function bootOf(
  system: RedfishSystem,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const { Boot } = await system.get(signal);
  if (isJson(Boot)) return Boot;
  throw new PortError(
    "unsupported",
    `${system.what} has no boot override. Choose another driver for boot.`,
  );
}

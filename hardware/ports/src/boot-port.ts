/** Where firmware can be told to boot from. */
export const BOOT_TARGETS = [
  "network",
  "http",
  "disk",
  "sd-card",
  "usb",
  "cd",
  "firmware-setup",
  "recovery",
  "diagnostics",
] as const;
export type BootTarget = (typeof BOOT_TARGETS)[number];

/** What the next boot is told. */
export interface BootOverride {
  readonly target: BootTarget;
  /** For the next boot only, or until it is changed. */
  readonly mode: "once" | "persistent";
  /** For `http`, where the firmware can be told it. */
  readonly url?: string;
}

/**
 * The boot-device override of one node, by its BMC or by straps. It acts at the next start; nothing here restarts
 * anything. Methods throw {@link PortError}, or the signal's reason.
 */
export interface BootPort extends AsyncDisposable {
  readonly targets: readonly BootTarget[];
  readonly modes: readonly BootOverride["mode"][];
  /** What is set now, as the device says; undefined: nothing, the firmware's own order counts. */
  read(signal: AbortSignal): Promise<BootOverride | undefined>;
  /** Sets or, with undefined, clears it. Does not verify. */
  set(override: BootOverride | undefined, signal: AbortSignal): Promise<void>;
}

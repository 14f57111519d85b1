import { readFile } from "node:fs/promises";
import { Optional } from "@outrider/contracts/decorators";
import type { TlsTrust } from "@outrider/transports/tls-agent";
import { IsBoolean, Matches } from "class-validator";
import { invalidOption } from "./invalid-option.js";

/** By what a device's certificate is known, and whether it may do without. */
export class TlsDeviceOptions {
  /** Absolute path on the agent's host of the authority (PEM) that signed the device's certificate, or of that itself. */
  @Optional() @Matches(/^\/[^\u0000]{1,1000}$/) caFile?: string;
  /** SHA-256 of the device's own certificate in hexadecimal, as `openssl x509 -fingerprint -sha256` prints it. */
  @Optional() @Matches(/^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$/) fingerprint?: string;
  /** True lets a password or token go over the network unencrypted, for an address of `http:`. */
  @Optional() @IsBoolean() unencrypted?: boolean;
}

interface Addressed extends TlsDeviceOptions {
  readonly url: string;
}

/** Whether secrets may be sent as they are: nobody on the way can read them, or the endpoint says so. */
export function mayShowSecrets({ url, unencrypted }: Addressed): boolean {
  return unencrypted === true || url.startsWith("https:");
}

/** For a secret that each request carries as it is. @throws PortError `invalid-options` */
export function refuseInTheClear(options: Addressed): void {
  if (mayShowSecrets(options)) return;
  throw invalidOption(
    "url: is not encrypted, and the endpoint has a secret that would be sent as it is. Use https, or set unencrypted: true.",
  );
}

/** @throws PortError `invalid-options` */
export async function trustOf({
  caFile,
  fingerprint,
  url,
}: Addressed): Promise<TlsTrust | undefined> {
  if (!URL.canParse(url)) throw invalidOption("url: must be http://<host> or https://<host>.");
  if (caFile !== undefined && fingerprint !== undefined) {
    throw invalidOption("caFile and fingerprint: name one of them.");
  }
  if (fingerprint !== undefined) return { fingerprint };
  return caFile === undefined ? undefined : { ca: await authorityIn(caFile) };
}

/** The certificates in the file that the option caFile names. @throws PortError `invalid-options` */
export async function authorityIn(caFile: string): Promise<string> {
  try {
    return await readFile(caFile, "utf8");
  } catch (cause) {
    const { code = "unreadable" } = cause as NodeJS.ErrnoException;
    throw invalidOption(`caFile: ${caFile} cannot be read (${code}).`, cause);
  }
}

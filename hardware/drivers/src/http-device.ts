import { readFile } from "node:fs/promises";
import { Optional } from "@outrider/contracts/decorators";
import { PortError } from "@outrider/ports/port-error";
import { IsBoolean, Matches } from "class-validator";
import type { TlsTrust } from "@outrider/transports/tls-agent";
import type { HttpAnswer } from "@outrider/transports/http";

/** Where a device serves HTTP, and by what its certificate is known. */
export class HttpDeviceOptions {
  /** `http://10.0.0.31`: the address of the device, with a path in front of all where it has one. */
  @Matches(/^https?:\/\/[A-Za-z0-9.:[\]-]{1,255}(\/[A-Za-z0-9._~/-]{0,200})?$/)
  url!: string;
  /** Absolute path on the agent's host of the authority (PEM) that signed the device's certificate, or of that itself. */
  @Optional() @Matches(/^\/[^\u0000]{1,1000}$/) caFile?: string;
  /** SHA-256 of the device's own certificate in hexadecimal. */
  @Optional() @Matches(/^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$/) fingerprint?: string;
  /** True lets a password or token go over the network unencrypted, for an address of `http:`. */
  @Optional() @IsBoolean() unencrypted?: boolean;
}

/** Whether secrets may be sent as they are: nobody on the way can read them, or the endpoint says so. */
export function mayShowSecrets({ url, unencrypted }: HttpDeviceOptions): boolean {
  return unencrypted === true || url.startsWith("https:");
}

/** For a secret that each request carries as it is. @throws PortError `invalid-options` */
export function refuseInTheClear(options: HttpDeviceOptions): void {
  if (mayShowSecrets(options)) return;
  throw new PortError(
    "invalid-options",
    "The option url: is not encrypted, and the endpoint has a secret that would be sent as it is. Use https, or set unencrypted: true.",
  );
}

/** @throws PortError `invalid-options` */
export async function trustOf({
  caFile,
  fingerprint,
  url,
}: HttpDeviceOptions): Promise<TlsTrust | undefined> {
  const invalid = (what: string, cause?: unknown): PortError =>
    new PortError("invalid-options", `The option ${what} Correct the endpoint.`, { cause });
  if (!URL.canParse(url)) throw invalid("url: must be http://<host> or https://<host>.");
  if (caFile !== undefined && fingerprint !== undefined) {
    throw invalid("caFile and fingerprint: name one of them.");
  }
  if (fingerprint !== undefined) return { fingerprint };
  if (caFile === undefined) return undefined;
  try {
    return { ca: await readFile(caFile, "utf8") };
  } catch (cause) {
    const { code = "unreadable" } = cause as NodeJS.ErrnoException;
    throw invalid(`caFile: ${caFile} cannot be read (${code}).`, cause);
  }
}

/** What an answer that is no success means. @param option the one that names what was not found */
export function throwUnlessDone(
  { status, json, text }: HttpAnswer,
  what: string,
  option: string,
): void {
  if (status >= 200 && status < 300) return;
  if (status === 401 || status === 403) {
    throw new PortError(
      "refused",
      `${what} does not let the agent in (${status}). Check the credentials of the endpoint.`,
    );
  }
  if (status === 404) {
    throw new PortError(
      "invalid-options",
      `${what} has no such output. Correct the option ${option} of the endpoint.`,
    );
  }
  const words = messageOf(json) ?? text.slice(0, 200).replace(/\s+/g, " ");
  throw new PortError("refused", `${what} refuses (${status}): ${words} Look at it, then repeat.`);
}

function messageOf(json: unknown): string | undefined {
  const { message } = (json ?? {}) as { message?: unknown };
  return typeof message === "string" ? message.slice(0, 200) : undefined;
}

/** @throws PortError `protocol` */
export function notSuch(what: string, kind: string): PortError {
  return new PortError(
    "protocol",
    `${what} does not answer as ${kind} does. Check that the address belongs to one.`,
  );
}

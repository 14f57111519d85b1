import { PortError } from "@outrider/ports/port-error";
import type { Clock } from "@outrider/ports/time";
import { HttpClient, type HttpAnswer } from "@outrider/transports/http";
import { Matches } from "class-validator";
import { TlsDeviceOptions, trustOf } from "./device-trust.js";

/** Where a device serves HTTP, and by what its certificate is known. */
export class HttpDeviceOptions extends TlsDeviceOptions {
  /** `http://10.0.0.31`: the address of the device, with a path in front of all where it has one. */
  @Matches(/^https?:\/\/[A-Za-z0-9.:[\]-]{1,255}(\/[A-Za-z0-9._~/-]{0,200})?$/)
  url!: string;
}

/**
 * Connects to nothing yet.
 * @param name the device, as messages begin: "The Shelly"
 * @throws PortError `invalid-options`
 */
export async function openHttp(
  options: HttpDeviceOptions,
  name: string,
  clock: Clock,
): Promise<HttpClient> {
  const { url } = options;
  return new HttpClient({ address: { url }, name, clock, trust: await trustOf(options) });
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

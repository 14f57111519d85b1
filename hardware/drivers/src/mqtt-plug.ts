import { readFile } from "node:fs/promises";
import { Nested, Optional, Text } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import type { DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { shareBroker, type MqttLink } from "@outrider/transports/mqtt";
import type { Share } from "@outrider/transports/shared";
import { Matches } from "class-validator";

/** The broker that a device is connected to. */
export class BrokerOptions {
  /** `mqtt://host:1883` or `mqtts://host:8883`. */
  @Matches(/^mqtts?:\/\/[A-Za-z0-9.:[\]-]{1,255}$/)
  broker!: string;
  /** Name at the broker; together with password. */
  @Optional() @Text(100) username?: string;
  /** Where the agent's host has the password for the broker. */
  @Optional() @Nested(() => SecretReference) password?: SecretReference;
  /** Absolute path on the agent's host of the authority (PEM) that signed the broker's certificate. */
  @Optional() @Matches(/^\/[^\u0000]{1,1000}$/) caFile?: string;
}

/** @throws PortError `invalid-options` */
export async function openBroker(
  { broker: url, username, password, caFile }: BrokerOptions,
  { clock, secret }: DriverContext,
): Promise<Share<MqttLink>> {
  const invalid = (what: string, cause?: unknown): PortError =>
    new PortError("invalid-options", `The option ${what} Correct the endpoint.`, { cause });
  if (!URL.canParse(url)) throw invalid("broker: must be mqtt://<host> or mqtts://<host>.");
  if ((username === undefined) !== (password === undefined)) {
    throw invalid("username and password: name both or none.");
  }
  const credentials =
    username === undefined || password === undefined
      ? undefined
      : { username, password: await secret(password) };
  const ca =
    caFile === undefined
      ? undefined
      : await readFile(caFile, "utf8").catch((cause: unknown) => {
          throw invalid(`caFile: ${caFile} cannot be read.`, cause);
        });
  return shareBroker({ url, credentials, ca, clock });
}

/** The broker was told that the device has gone. */
export function away(what: string): PortError {
  return new PortError(
    "unreachable",
    `${what} is not connected to its broker. Check that it has power and its network.`,
  );
}

/** JSON, or undefined. */
export function jsonOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? { ...json } : undefined;
  } catch {
    return undefined;
  }
}

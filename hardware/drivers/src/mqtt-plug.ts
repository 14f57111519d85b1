import { Nested, Optional, Text } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import type { DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { shareBroker, type MqttLink } from "@outrider/transports/mqtt";
import type { Share } from "@outrider/transports/shared";
import { IsBoolean, Matches } from "class-validator";
import { credentialsOf } from "./device-login.js";
import { authorityIn } from "./device-trust.js";
import { invalidOption } from "./invalid-option.js";

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
  /** True lets the password go over the network unencrypted, to a broker of `mqtt:`. */
  @Optional() @IsBoolean() unencrypted?: boolean;
}

/** @throws PortError `invalid-options` */
export async function openBroker(
  options: BrokerOptions,
  context: DriverContext,
): Promise<Share<MqttLink>> {
  const { broker: url, caFile, password, unencrypted } = options;
  if (!URL.canParse(url)) throw invalidOption("broker: must be mqtt://<host> or mqtts://<host>.");
  // MQTT sends it as it is (MQTT 3.1.1, 5.4.5).
  if (password !== undefined && url.startsWith("mqtt:") && unencrypted !== true) {
    throw invalidOption(
      "broker: is not encrypted, and the endpoint has a password that would be sent as it is. Use mqtts, or set unencrypted: true.",
    );
  }
  const credentials = await credentialsOf(options, context);
  const ca = caFile === undefined ? undefined : await authorityIn(caFile);
  return shareBroker({ url, credentials, ca, clock: context.clock });
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

import { Nested, Optional, Text } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import type { DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import {
  isJson,
  linkOf,
  shareRedfish,
  type Json,
  type RedfishService,
} from "@outrider/transports/redfish";
import type { Share } from "@outrider/transports/shared";
import { Matches } from "class-validator";
import { credentialsOf } from "./device-login.js";
import { mayShowSecrets, TlsDeviceOptions, trustOf } from "./device-trust.js";
import { invalidOption } from "./invalid-option.js";

/** Where a BMC serves Redfish, by what it is known, and who asks. */
export class RedfishOptions extends TlsDeviceOptions {
  /** `https://bmc.example`: the address of the BMC, without a path. */
  @Matches(/^https?:\/\/[A-Za-z0-9.:[\]-]{1,255}$/)
  url!: string;
  /** Name of a user of the BMC that may do what the endpoint is for. Left out with `password`: nobody logs in. */
  @Optional() @Text(100) username?: string;
  /** Where the agent's host has the user's password. */
  @Optional() @Nested(() => SecretReference) password?: SecretReference;
  /** Id of the system, where the BMC has several: `1`, `System.Embedded.1`. */
  @Optional() @Matches(/^[A-Za-z0-9._~-]{1,128}$/) system?: string;
}

/** One system of a Redfish service. */
export class RedfishSystem implements AsyncDisposable {
  #path: string | undefined;

  constructor(
    private readonly share: Share<RedfishService>,
    private readonly system: string | undefined,
  ) {
    if (system !== undefined) this.#path = `/redfish/v1/Systems/${system}`;
  }

  get service(): RedfishService {
    return this.share.value;
  }

  get what(): string {
    return this.system === undefined
      ? this.service.what
      : `${this.service.what}, system ${this.system}`;
  }

  /** The system's path; without an option, that of the only one there is. @throws PortError `invalid-options` */
  async path(signal: AbortSignal): Promise<string> {
    if (this.#path !== undefined) return this.#path;
    const all = await this.service.members("/redfish/v1/Systems", signal);
    const [only, ...more] = all;
    if (only !== undefined && more.length === 0) return (this.#path = only);
    const names = all.map((path) => path.split("/").at(-1)).join(", ");
    throw new PortError(
      "invalid-options",
      `${this.what} has ${all.length} systems (${names.slice(0, 300)}). Name one in the option system of the endpoint.`,
    );
  }

  async get(signal: AbortSignal): Promise<Json> {
    return this.service.get(await this.path(signal), signal);
  }

  async patch(body: Json, signal: AbortSignal): Promise<void> {
    await this.service.patch(await this.path(signal), body, signal);
  }

  /** The resource that a property of the system links to, or the first of several; undefined: none. */
  linked(system: Json, ...names: string[]): string | undefined {
    let value: unknown = system;
    for (const name of names) value = isJson(value) ? value[name] : undefined;
    return linkOf(Array.isArray(value) ? (value as unknown[])[0] : value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.share[Symbol.dispose]();
  }
}

/** @throws PortError `invalid-options`, also when the secret or the file cannot be read */
export async function openRedfish(
  options: RedfishOptions,
  context: DriverContext,
): Promise<RedfishSystem> {
  const { url, system } = options;
  if (!mayShowSecrets(options)) {
    throw invalidOption("url: is not encrypted. Use https, or set unencrypted: true.");
  }
  const trust = await trustOf(options);
  const credentials = await credentialsOf(options, context);
  return new RedfishSystem(shareRedfish({ url, trust, credentials, clock: context.clock }), system);
}

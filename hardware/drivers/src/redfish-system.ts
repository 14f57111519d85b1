import { readFile } from "node:fs/promises";
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
import { IsBoolean, Matches } from "class-validator";

/** Where a BMC serves Redfish, by what it is known, and who asks. */
export class RedfishOptions {
  /** `https://bmc.example`: the address of the BMC, without a path. */
  @Matches(/^https?:\/\/[A-Za-z0-9.:[\]-]{1,255}$/)
  url!: string;
  /** Name of a user of the BMC that may do what the endpoint is for. Left out with `password`: nobody logs in. */
  @Optional() @Text(100) username?: string;
  /** Where the agent's host has the user's password. */
  @Optional() @Nested(() => SecretReference) password?: SecretReference;
  /** Absolute path on the agent's host of the authority (PEM) that signed the BMC's certificate, or of that itself. */
  @Optional() @Matches(/^\/[^\u0000]{1,1000}$/) caFile?: string;
  /** SHA-256 of the BMC's own certificate in hexadecimal, as `openssl x509 -fingerprint -sha256` prints it. */
  @Optional() @Matches(/^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$/) fingerprint?: string;
  /** True lets the password go over the network unencrypted, for an address of `http:`. */
  @Optional() @IsBoolean() unencrypted?: boolean;
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
  { clock, secret }: DriverContext,
): Promise<RedfishSystem> {
  const { url, username, password, caFile, fingerprint, system } = options;
  if (!URL.canParse(url)) throw invalid("url: must be https://<host> or https://<host>:<port>.");
  if (url.startsWith("http:") && options.unencrypted !== true) {
    throw invalid("url: is not encrypted. Use https, or set unencrypted: true.");
  }
  if (caFile !== undefined && fingerprint !== undefined) {
    throw invalid("caFile and fingerprint: name one of them.");
  }
  if ((username === undefined) !== (password === undefined)) {
    throw invalid("username and password: name both or none.");
  }
  const credentials =
    username === undefined || password === undefined
      ? undefined
      : { username, password: await secret(password) };
  const trust = fingerprint === undefined ? await authority(caFile) : { fingerprint };
  return new RedfishSystem(shareRedfish({ url, trust, credentials, clock }), system);
}

async function authority(file: string | undefined): Promise<{ ca: string } | undefined> {
  if (file === undefined) return undefined;
  try {
    return { ca: await readFile(file, "utf8") };
  } catch (cause) {
    const { code = "unreadable" } = cause as NodeJS.ErrnoException;
    throw invalid(`caFile: ${file} cannot be read (${code}).`, cause);
  }
}

function invalid(what: string, cause?: unknown): PortError {
  return new PortError("invalid-options", `The option ${what} Correct the endpoint.`, { cause });
}

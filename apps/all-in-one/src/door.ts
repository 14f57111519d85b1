import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "./config.js";

/** How people of this machine reach the broker. */
export interface Door {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  /** Where the secret of `username` is. */
  readonly secretFile?: string;
}

/** @param port on which our broker listens; ignored where the broker is somebody else's */
export function doorOf(config: Config, port: number): Door {
  const url = config.externalBroker ?? brokerUrl(config.bind, port);
  const { hostname, port: shown } = new URL(url);
  const place = { url, host: hostname.replaceAll(/[[\]]/g, ""), port: Number(shown || 1883) };
  const secretFile = join(config.dataDirectory, "secrets", "person-operator");
  // The demonstration lets everybody of this machine in.
  if (config.siteFile === undefined || config.externalBroker || !existsSync(secretFile)) {
    return place;
  }
  const password = readFileSync(secretFile, "utf8").trim();
  return { ...place, username: "operator", password, secretFile };
}

/** Where a broker of this machine is reached from this machine. */
export function brokerUrl(bind: string, port: number): string {
  return `mqtt://${urlHost(hostOf(bind))}:${port}`;
}

/** Where the console service of this machine is reached by agents of this machine. */
export function linkUrl(scheme: "tcp" | "tls", bind: string, port: number): string {
  return `${scheme}://${urlHost(hostOf(bind))}:${port}`;
}

/** The address by which this machine reaches what listens on an address of its own. */
export function hostOf(bind: string): string {
  return bind === "0.0.0.0" ? "127.0.0.1" : bind === "::" ? "::1" : bind;
}

function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

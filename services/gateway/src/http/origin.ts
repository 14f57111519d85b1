import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { HttpProblem } from "./problem.js";

/**
 * Which names this gateway answers to. A page of another site can have its own name point at this address (DNS
 * rebinding); the Host header then says that name, and nothing is served.
 */
export class Hosts {
  readonly #names: ReadonlySet<string>;
  readonly #anyAddress: boolean;

  /**
   * @param bind the address that is listened on
   * @param names further names, as people type them
   */
  constructor(bind: string, names: readonly string[]) {
    this.#names = new Set(["localhost", bind, "127.0.0.1", "::1", ...names].map(plain));
    // Who listens everywhere is reached by any of its addresses. An address cannot be rebound, only a name can.
    this.#anyAddress = bind === "0.0.0.0" || bind === "::";
  }

  /** Whether a Host header names this gateway. */
  knows(host: string | undefined): boolean {
    const name = host === undefined ? undefined : hostName(host);
    if (name === undefined) return false;
    return this.#names.has(name) || (this.#anyAddress && isIP(name) !== 0);
  }
}

/**
 * Refuses what a page of another origin has its visitor's browser send. Programs send none of these headers.
 * @throws HttpProblem 421 for an unknown host, 403 for a foreign origin
 */
export function checkOrigin(
  headers: IncomingHttpHeaders,
  hosts: Hosts,
  { navigation }: { readonly navigation: boolean },
): void {
  const { host, origin } = headers;
  if (!hosts.knows(host)) {
    throw new HttpProblem(
      "unknown-host",
      "this gateway does not go by the name in the Host header; use its address, or add the name to OUTRIDER_HTTP_HOSTS",
    );
  }
  if (origin !== undefined && !isOwn(origin, host ?? "")) throw foreign();
  const site = headers["sec-fetch-site"];
  if (site === undefined || site === "same-origin" || site === "none") return;
  // A link on another page may lead here, as long as it only shows our own page.
  if (navigation && headers["sec-fetch-mode"] === "navigate") return;
  throw foreign();
}

function foreign(): HttpProblem {
  return new HttpProblem(
    "foreign-origin",
    "this came from a page of another origin; open Outrider’s own page and ask from there",
  );
}

function isOwn(origin: string, host: string): boolean {
  return origin === `http://${host}` || origin === `https://${host}`;
}

/** The name in a Host header without its port, as {@link plain} writes it; undefined when it cannot be one. */
function hostName(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9.-]{1,253}))(?::\d{1,5})?$/i.exec(host);
  const name = match?.[1] ?? match?.[2];
  return name === undefined ? undefined : plain(name);
}

function plain(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replace(/\.$/, "")
    .replace(/^\[|\]$/g, "");
}

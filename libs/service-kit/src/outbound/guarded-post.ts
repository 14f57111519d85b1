import { lookup as systemLookup } from "node:dns/promises";
import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { AddressPolicy } from "./address-policy.js";

/** Addresses of a name. */
export type Lookup = (name: string) => Promise<readonly string[]>;

export const resolveName: Lookup = async (name) =>
  (await systemLookup(name, { all: true })).map(({ address }) => address);

/** No answer is read beyond this. */
const MAX_ANSWER_BYTES = 65_536;

export interface PostOptions {
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly policy: AddressPolicy;
  readonly signal: AbortSignal;
  readonly lookup?: Lookup | undefined;
  /** Whose configuration says which networks may be reached. */
  readonly service: string;
  /** Beside those of every request. No secret of them is told. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type Posted =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** A sentence that says what went wrong. */
      readonly detail: string;
      /** The other side has looked at it and does not want it: the same again would be refused again. */
      readonly permanent?: true;
    };

/** Answers of the 400s that say "later" instead of "no" (RFC 9110, 15.5; RFC 6585, 4; RFC 8470, 5.2). */
const LATER: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * Asks a URL with POST and JSON. The name is resolved once, every address that it has is checked, and the connection
 * goes to the checked address, so that a name that changes its mind in between reaches nothing else. Redirects are
 * not followed.
 */
export async function guardedPost(
  url: string,
  body: object,
  options: PostOptions,
): Promise<Posted> {
  const target = readTarget(url);
  if (typeof target === "string") return failed(target, "");
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const deadline = options.clock
    .sleep(milliseconds(options.deadlineMs), signal)
    .then(() => `${target.host} did not answer within ${options.deadlineMs / 1000} s`)
    .catch(() => `${target.host} was not asked any further because it was not needed any more`)
    .then((why) => failed(why, ""));
  try {
    return await Promise.race([ask(target, body, options, signal), deadline]);
  } finally {
    over.abort();
  }
}

/** @returns a sentence when it cannot be asked */
function readTarget(text: string): URL | string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) {
    return "the webhook is no http or https URL; mend it in the site file";
  }
  if (url.username !== "" || url.password !== "") {
    return "the webhook's URL holds credentials, which would be shown to whoever reads the site; take them out";
  }
  return url;
}

async function ask(
  target: URL,
  body: object,
  options: PostOptions,
  signal: AbortSignal,
): Promise<Posted> {
  const name = target.hostname.replace(/^\[|\]$/g, "");
  const found = await allowedAddress(name, options);
  if ("refused" in found) return failed(found.refused, "");
  if (signal.aborted) return failed("it was too late to ask", "");
  return post(target, name, found.address, body, options, signal);
}

/** The address of a host to connect to, where all that it has may be reached; else a sentence that says why not. */
export async function allowedAddress(
  name: string,
  { policy, lookup = resolveName, service }: Pick<PostOptions, "policy" | "lookup" | "service">,
): Promise<{ readonly address: string } | { readonly refused: string }> {
  let addresses: readonly string[];
  try {
    // The URL parser has brought decimal, octal and hexadecimal forms of an IPv4 address into dotted form.
    addresses = isIP(name) === 0 ? await lookup(name) : [name];
  } catch (error) {
    return { refused: `${name} could not be resolved: ${(error as Error).message}` };
  }
  const refused = addresses.find((address) => !policy.allows(address));
  if (refused !== undefined) {
    return {
      refused: `${name} is at ${refused}, which a webhook may not reach; if it shall, name its network in OUTRIDER_WEBHOOK_ALLOW of the ${service} service`,
    };
  }
  const [address] = addresses;
  return address === undefined ? { refused: `${name} has no address` } : { address };
}

function post(
  target: URL,
  name: string,
  address: string,
  payload: object,
  { headers = {} }: PostOptions,
  signal: AbortSignal,
): Promise<Posted> {
  const body = JSON.stringify(payload);
  const isTls = target.protocol === "https:";
  const options: RequestOptions & { servername?: string } = {
    method: "POST",
    host: address,
    port: target.port === "" ? (isTls ? 443 : 80) : Number(target.port),
    path: `${target.pathname}${target.search}`,
    headers: {
      ...headers,
      host: target.host,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      "user-agent": "outrider",
      connection: "close",
    },
    agent: false,
    signal,
    ...(isTls && isIP(name) === 0 ? { servername: name } : {}),
  };
  return new Promise((resolve) => {
    const request = (isTls ? httpsRequest : httpRequest)(options, (response) => {
      let bytes = 0;
      const status = response.statusCode ?? 0;
      const end = (): void => {
        if (status >= 200 && status < 300) resolve({ ok: true });
        else if (status >= 300 && status < 400) {
          resolve(failed(`${target.host} answered ${status}, and redirects are not followed`, ""));
        } else {
          const said = failed(`${target.host} answered ${status}${typeOf(response)}`, "");
          const isRefused = status >= 400 && status < 500 && !LATER.has(status);
          resolve(isRefused ? { ...said, permanent: true } : said);
        }
        request.destroy();
      };
      // What it says is not told: a URL is chosen in the site file, and answers of the network are not for whoever
      // reads tasks.
      if (status < 200 || status >= 300) return end();
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) end();
      });
      response.on("end", end);
      response.on("error", (error) =>
        resolve(failed(`${target.host} broke off its answer`, error.message)),
      );
    });
    request.on("error", (error) =>
      resolve(failed(`${target.host} could not be asked`, error.message)),
    );
    request.end(body);
  });
}

/** What kind of answer it is, where that can be told in a word. */
function typeOf({ headers }: IncomingMessage): string {
  const [type = ""] = (headers["content-type"] ?? "").split(";");
  return /^[\w.+-]{1,40}\/[\w.+-]{1,80}$/.test(type.trim()) ? ` (${type.trim()})` : "";
}

function failed(what: string, said: string): { readonly ok: false; readonly detail: string } {
  return { ok: false, detail: said === "" ? what : `${what}: ${said}` };
}

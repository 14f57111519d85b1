import { createHash, randomBytes } from "node:crypto";
import { PortError } from "@outrider/ports/port-error";
import type { HttpAnswer, HttpClient, HttpRequest } from "./http.js";

export interface Login {
  readonly username: string;
  readonly password: string;
  /**
   * Whether the password itself may be sent (basic), which whoever answers at the address then has, and on `http` whoever
   * listens. Not: it is proven only (digest), and a device that asks for more is told of.
   */
  readonly mayShowPassword: boolean;
}

/** A device may offer several, one after the other. */
const DIGEST = /(?:^|,\s*)digest\b/i;
const BASIC = /(?:^|,\s*)basic\b/i;

/**
 * Asks with digest authentication (RFC 7616), or basic where the device knows no better and the login allows it: once
 * without, and when the device says how it wants to be asked, which means that it has done nothing, once more so.
 * @throws PortError `refused` when the device wants the password itself and must not have it
 */
export async function askWithLogin(
  http: HttpClient,
  asked: HttpRequest,
  login: Login | undefined,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const answer = await http.request({ anyAnswer: true, ...asked }, signal);
  const challenge = answer.headers["www-authenticate"];
  if (answer.status !== 401 || login === undefined || challenge === undefined) return answer;
  const wantsPassword = !DIGEST.test(challenge) && BASIC.test(challenge);
  if (wantsPassword && !login.mayShowPassword) {
    throw new PortError(
      "refused",
      `${http.what} asks for the password itself instead of a digest, and did not get it. Check that it is the device it should be; where it knows no better, use https or set unencrypted: true.`,
    );
  }
  const authorization = authorizationFor(challenge, asked, login);
  if (authorization === undefined) return answer;
  const headers = { ...asked.headers, authorization };
  return http.request({ anyAnswer: true, ...asked, headers }, signal);
}

/** The header that says who asks, with the password as it is (RFC 7617). */
export function basicAuthorization(
  username: string,
  password: string,
): { readonly authorization: string } {
  const pair = Buffer.from(`${username}:${password}`, "utf8").toString("base64");
  return { authorization: `Basic ${pair}` };
}

/** @param cnonce for tests */
export function authorizationFor(
  challenge: string,
  { method, path }: Pick<HttpRequest, "method" | "path">,
  { username, password }: Pick<Login, "username" | "password">,
  cnonce: string = randomBytes(16).toString("hex"),
): string | undefined {
  const from = DIGEST.exec(challenge);
  if (from === null) {
    if (!BASIC.test(challenge)) return undefined;
    return basicAuthorization(username, password).authorization;
  }
  const given = new Map<string, string>();
  const said = challenge.slice(from.index).matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g);
  for (const [, key = "", quoted, bare] of said) {
    // What comes again is of another challenge.
    if (!given.has(key.toLowerCase())) given.set(key.toLowerCase(), quoted ?? bare ?? "");
  }
  const realm = given.get("realm") ?? "";
  const nonce = given.get("nonce") ?? "";
  const algorithm = given.get("algorithm") ?? "MD5";
  const digest = /^sha-256$/i.test(algorithm) ? "sha256" : /^md5$/i.test(algorithm) ? "md5" : "";
  if (digest === "") return undefined;
  const hash = (text: string): string => createHash(digest).update(text).digest("hex");
  const secret = hash(`${username}:${realm}:${password}`);
  const request = hash(`${method}:${path}`);
  const authOnly = (given.get("qop") ?? "").split(",").some((one) => one.trim() === "auth");
  const count = "00000001";
  const response = authOnly
    ? hash(`${secret}:${nonce}:${count}:${cnonce}:auth:${request}`)
    : hash(`${secret}:${nonce}:${request}`);
  const parts = [
    `username="${username}"`,
    `realm="${realm}"`,
    `nonce="${nonce}"`,
    `uri="${path}"`,
    `algorithm=${algorithm}`,
    ...(authOnly ? [`qop=auth`, `nc=${count}`, `cnonce="${cnonce}"`] : []),
    `response="${response}"`,
    ...(given.has("opaque") ? [`opaque="${given.get("opaque") ?? ""}"`] : []),
  ];
  return `Digest ${parts.join(", ")}`;
}

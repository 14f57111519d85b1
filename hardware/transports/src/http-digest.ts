import { createHash, randomBytes } from "node:crypto";
import type { HttpAnswer, HttpClient, HttpRequest } from "./http.js";

export interface Login {
  readonly username: string;
  readonly password: string;
}

/**
 * Asks with digest authentication (RFC 7616), or basic where the device wants that: once without, and when the device
 * says how it wants to be asked, which means that it has done nothing, once more so.
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
  const authorization = authorizationFor(challenge, asked, login);
  if (authorization === undefined) return answer;
  const headers = { ...asked.headers, authorization };
  return http.request({ anyAnswer: true, ...asked, headers }, signal);
}

/** @param cnonce for tests */
export function authorizationFor(
  challenge: string,
  { method, path }: Pick<HttpRequest, "method" | "path">,
  { username, password }: Login,
  cnonce: string = randomBytes(16).toString("hex"),
): string | undefined {
  if (/^basic\b/i.test(challenge)) {
    return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  }
  if (!/^digest\b/i.test(challenge)) return undefined;
  const given = new Map<string, string>();
  for (const [, key = "", quoted, bare] of challenge.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)) {
    given.set(key.toLowerCase(), quoted ?? bare ?? "");
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

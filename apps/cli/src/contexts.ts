import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { EnvironmentError } from "@outrider/contracts/environment";
import { parse, stringify } from "yaml";
import type { Target } from "./api.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** One gateway as it stands in the configuration file. */
export interface Context {
  readonly url: string;
  /** Who has signed in. */
  readonly user?: string;
  readonly token?: string;
  /** To revoke it by. */
  readonly tokenId?: string;
  readonly tokenFile?: string;
}

export interface Contexts {
  readonly current?: string;
  readonly contexts: Readonly<Record<string, Context>>;
}

export const DEFAULT_URL = "http://127.0.0.1:8080";
export const CONTEXT_NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;
const KEYS = ["url", "user", "token", "tokenId", "tokenFile"];

/** `$XDG_CONFIG_HOME/outrider/config.yaml` */
export function configPath(environment: Environment): string {
  const home = environment["XDG_CONFIG_HOME"] || join(environment["HOME"] ?? homedir(), ".config");
  return join(home, "outrider", "config.yaml");
}

/** @throws EnvironmentError when the file is not what it should be */
export function readContexts(environment: Environment): Contexts {
  const path = configPath(environment);
  if (!existsSync(path)) return { contexts: {} };
  let read: unknown;
  try {
    read = parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new EnvironmentError([
      `${path}: ${error instanceof Error ? error.message : "unreadable"}`,
    ]);
  }
  const problems: string[] = [];
  const { current, contexts = {}, ...strange } = mapOf(read) ?? {};
  for (const key of Object.keys(strange))
    problems.push(`${path}: ${key} is not known; expected current, contexts`);
  const found: Record<string, Context> = {};
  for (const [name, value] of Object.entries(mapOf(contexts) ?? {})) {
    const context = mapOf(value) ?? {};
    const wrong = Object.keys(context).find(
      (key) => !KEYS.includes(key) || typeof context[key] !== "string",
    );
    if (wrong !== undefined)
      problems.push(
        `${path}: contexts.${name}.${wrong}: expected text in one of ${KEYS.join(", ")}`,
      );
    else if (!isHttp(context["url"]))
      problems.push(`${path}: contexts.${name}.url: expected a URL like ${DEFAULT_URL}`);
    else found[name] = context as unknown as Context;
  }
  if (problems.length > 0) throw new EnvironmentError(problems);
  return { contexts: found, ...(typeof current === "string" ? { current } : {}) };
}

/** Written whole, for its owner alone: it may hold tokens. */
export function writeContexts(environment: Environment, contexts: Contexts): string {
  const path = configPath(environment);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const next = `${path}.next`;
  writeFileSync(next, stringify(contexts), { mode: 0o600 });
  chmodSync(next, 0o600);
  renameSync(next, path);
  return path;
}

/**
 * Which gateway is asked, and as whom: the environment wins over the chosen context. A token of a context goes to no
 * other URL than the context's own.
 * @param asked name of a context, as `--context` says
 * @throws EnvironmentError
 */
export function targetOf(environment: Environment, asked: string | undefined): Target {
  const { OUTRIDER_URL: url, OUTRIDER_TOKEN: token, OUTRIDER_TOKEN_FILE: tokenFile } = environment;
  if (url) {
    if (!isHttp(url)) {
      throw new EnvironmentError([
        `OUTRIDER_URL=${JSON.stringify(url)}; expected a URL like ${DEFAULT_URL}`,
      ]);
    }
    const given = pick(token, tokenFile);
    if (Object.keys(given).length > 0) return target("OUTRIDER_URL", { url, ...given });
    const { url: _url, ...own } = contextAt(url, environment, asked) ?? {};
    return target("OUTRIDER_URL", { ...own, url });
  }
  const { current, contexts } = readContexts(environment);
  const name = asked ?? current;
  const context = name === undefined ? undefined : contexts[name];
  if (name !== undefined && !context) {
    const known = Object.keys(contexts).join(", ") || "none";
    throw new EnvironmentError([`there is no context ${name}; known are: ${known}`]);
  }
  const given = pick(token, tokenFile);
  const { url: chosen = DEFAULT_URL, ...own } = context ?? {};
  return target(name === undefined ? "default" : `context ${name}`, {
    url: chosen,
    ...(Object.keys(given).length > 0 ? given : own),
  });
}

/** The context of the very gateway at this URL; where there are several, the named or chosen one goes first. */
function contextAt(
  url: string,
  environment: Environment,
  asked: string | undefined,
): Context | undefined {
  const { current, contexts } = readContexts(environment);
  const there = Object.entries(contexts).filter(([, context]) => sameUrl(context.url, url));
  const first = there.find(([name]) => name === (asked ?? current)) ?? there[0];
  return first?.[1];
}

function sameUrl(one: string, other: string): boolean {
  return new URL(one).href.replace(/\/+$/, "") === new URL(other).href.replace(/\/+$/, "");
}

function target(name: string, { url, token, tokenFile }: Context): Target {
  const secret = token ?? (tokenFile === undefined ? undefined : secretIn(tokenFile));
  return { name, url: url.replace(/\/+$/, ""), ...(secret === undefined ? {} : { token: secret }) };
}

function secretIn(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    const why = error instanceof Error ? error.message : "unreadable";
    throw new EnvironmentError([`the token file ${file} cannot be read: ${why}`]);
  }
}

function pick(token: string | undefined, tokenFile: string | undefined): Partial<Context> {
  if (token) return { token };
  return tokenFile ? { tokenFile } : {};
}

export function isHttp(url: unknown): boolean {
  return typeof url === "string" && URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

function mapOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

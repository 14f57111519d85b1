import type { HttpTarget } from "../http.js";

export const DATABASE = "outrider";

export type DatabaseKind = "influx" | "influx-compatible" | "victoria";

export interface DatabaseUrl {
  readonly target: HttpTarget;
  readonly url: URL;
  readonly database: string;
  /** Undefined: it has to be asked. */
  readonly kind: DatabaseKind | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

const KINDS: Readonly<Record<string, DatabaseKind>> = {
  influx: "influx",
  influx2: "influx-compatible",
  influx3: "influx-compatible",
  victoria: "victoria",
};

/**
 * Reads `http://user:password@host:8086/database`. The last part of the path is the name of the database, before it may
 * be a prefix. With the user `token` the password is a token, as InfluxDB 2 and 3 have them.
 * @throws Error that says what is expected, without the password
 */
export function readDatabaseUrl(text: string): DatabaseUrl {
  const [, word = "", rest = text] = /^([a-z0-9]+)\+(https?:.*)$/.exec(text) ?? [];
  const kind = KINDS[word];
  if (!URL.canParse(rest) || (word !== "" && kind === undefined)) throw wrong();
  const url = new URL(rest);
  if (!["http:", "https:"].includes(url.protocol) || url.search || url.hash) throw wrong();
  const username = url.username === "" ? undefined : decodeURIComponent(url.username);
  const password = url.username === "" ? undefined : decodeURIComponent(url.password);
  const parts = url.pathname.split("/").filter(Boolean).map(decodeURIComponent);
  const database = parts.pop() ?? DATABASE;
  url.username = "";
  url.password = "";
  // VictoriaMetrics has no databases: its whole path is a prefix.
  url.pathname = kind === "victoria" ? url.pathname : parts.join("/");
  const base = url.href.replace(/\/+$/, "");
  return {
    target: { base, headers: authorization(username, password) },
    url,
    database,
    kind,
    username,
    password,
  };
}

function authorization(username?: string, password = ""): Record<string, string> {
  if (username === undefined) return {};
  if (username === "token") return { authorization: `Token ${password}` };
  return {
    authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`,
  };
}

function wrong(): Error {
  return new Error(
    "the URL of the time-series database must be like http://user:password@host:8086/database, or begin with influx+http:, influx2+http: or victoria+http: (https: each)",
  );
}

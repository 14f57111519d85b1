import { readFileSync } from "node:fs";
import type { FastifyInstance } from "fastify";
import { send } from "./answer.js";
import { entityTag, names, tagOf } from "./etag.js";
import { checkOrigin, type Hosts } from "./origin.js";

const FOLDER = new URL("../../web/", import.meta.url);
const HTML = "text/html; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";

/** The files of the page, each by its path. Nothing else of the folder is served. */
const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/": ["index.html", HTML],
  "/app.css": ["app.css", "text/css; charset=utf-8"],
  "/icon.svg": ["icon.svg", "image/svg+xml"],
  ...Object.fromEntries(
    ["app", "api", "dom", "nodes", "actions", "activity", "alarms"].map((name) => [
      `/${name}.js`,
      [`${name}.js`, SCRIPT] as const,
    ]),
  ),
};

/** Serves the first page, which needs no credentials: all that it shows comes over the API. */
export function servePage(app: FastifyInstance, hosts: Hosts): void {
  for (const [url, [file, type]] of Object.entries(FILES)) {
    const body = readFileSync(new URL(file, FOLDER), "utf8");
    const tag = tagOf(body);
    app.get(url, (request, reply) => {
      checkOrigin(request.headers, hosts, { navigation: true });
      const headers = { etag: entityTag(tag), "cache-control": "no-cache" };
      const known = request.headers["if-none-match"];
      if (known !== undefined && names(known, tag)) return send(reply, { status: 304, headers });
      send(reply, { status: 200, headers: { ...headers, "content-type": type }, body });
    });
  }
}

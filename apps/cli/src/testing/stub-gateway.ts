import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A request as it came. */
export interface Asked {
  readonly method: string;
  /** Below `/api/v1`, without its query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

/**
 * `away` ends the connection without an answer, as a gateway that dies does. `lines` come an object a line, after which
 * the stream goes on in silence, or is cut.
 */
export type Reply =
  | object
  | { readonly status: number; readonly problem: object }
  | { readonly lines: readonly object[]; readonly cut?: boolean }
  | "away";

export interface StubGateway extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** What is wrong with the requests, by the description of the API. */
  readonly wrong: readonly string[];
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
}
interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
}
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const API = JSON.parse(
  readFileSync(new URL("../../../../docs/reference/openapi.json", import.meta.url), "utf8"),
) as Description;

/**
 * A gateway that looks whether each request has the shape that its route declares, and says what the test wants.
 * @param reply to a request, of which there were so many before to the same method and path
 */
export async function startStubGateway(
  reply: (asked: Asked, before: number) => Reply,
): Promise<StubGateway> {
  const asked: Asked[] = [];
  const wrong: string[] = [];
  const server = createServer((request, response) => {
    void text(request).then((given) => {
      const { method = "", headers } = request;
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://stub");
      const isJson = headers["content-type"] === "application/json";
      const body = isJson ? (JSON.parse(given) as Record<string, unknown>) : undefined;
      const query = Object.fromEntries(searchParams);
      const one = { method, path: pathname.replace(/^\/api\/v1/, ""), query, body };
      wrong.push(
        ...faults(method, pathname, [...searchParams.keys()], {
          given,
          type: headers["content-type"],
        }).map((fault) => `${method} ${pathname}: ${fault}`),
      );
      const before = asked.filter((o) => o.method === method && o.path === one.path).length;
      asked.push(one);
      const answer = reply(one, before);
      if (answer === "away") return request.socket.destroy();
      if ("lines" in answer) {
        response.writeHead(200, { "content-type": "application/jsonl" });
        for (const line of answer.lines) response.write(`${JSON.stringify(line)}\n`);
        if (answer.cut) response.write("", () => request.socket.destroy());
        return undefined;
      }
      const [status, shown] =
        "problem" in answer && "status" in answer ? [answer.status, answer.problem] : [200, answer];
      response.writeHead(status, {
        "content-type": status === 200 ? "application/json" : "application/problem+json",
        "set-cookie": "session=1",
      });
      return response.end(JSON.stringify(shown));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    wrong,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function faults(
  method: string,
  path: string,
  query: readonly string[],
  { given, type }: { readonly given: string; readonly type: string | undefined },
): string[] {
  const operation = operationOf(method, path);
  if (!operation) return ["there is no such route"];
  const known = (operation.parameters ?? []).filter((one) => one.in === "query");
  const strange = query.filter((name) => !known.some((one) => one.name === name));
  const said = strange.map((name) => `it takes no ${name}`);
  const content = operation.requestBody?.content;
  if (!content) return given === "" ? said : [...said, "this takes no body"];
  const wanted = content[type ?? ""];
  if (!wanted) return [...said, `the body must be ${Object.keys(content).join(", ")}`];
  if (type !== "application/json") return said;
  const { $ref = "" } = wanted.schema;
  const schema = API.components.schemas[$ref.split("/").at(-1) ?? ""] ?? wanted.schema;
  const body = JSON.parse(given) as object;
  return [
    ...said,
    ...Object.keys(body)
      .filter((name) => !(name in (schema.properties ?? {})))
      .map((name) => `the body has no ${name}`),
    ...(schema.required ?? [])
      .filter((name) => !(name in body))
      .map((name) => `the body needs ${name}`),
  ];
}

function operationOf(method: string, path: string): Operation | undefined {
  const found = Object.keys(API.paths).filter((one) =>
    new RegExp(`^${one.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path),
  );
  // The literal one goes before the one with a parameter.
  const best = found.toSorted((a, b) => a.split("{").length - b.split("{").length);
  return best.map((one) => API.paths[one]?.[method.toLowerCase()]).find((one) => one);
}

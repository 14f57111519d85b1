import type { JsonSchema } from "@outrider/contracts/schema";
import { PROBLEM_TYPE } from "../http/answer.js";
import { API } from "../http/server.js";
import { ALL_PROBLEMS } from "../http/problem.js";
import { Nothing } from "@outrider/contracts/service-plane";
import { type AnyRoute, type HeaderName } from "../http/route.js";
import { propertiesOf, requiredOf } from "../http/shape.js";
import { Schemas } from "./schemas.js";
import { STREAMS } from "./streams.js";

type Json = Record<string, unknown>;

const HEADERS: Readonly<
  Record<HeaderName, { readonly description: string; readonly pattern?: string }>
> = {
  "idempotency-key": {
    description:
      "Of the client's choice, new for each new request. A repeat within 24 hours gets the first one's answer and does nothing again.",
    pattern: "^[!-~]{1,200}$",
  },
  prefer: {
    description: "`wait=N`: answer when it has ended, or after N seconds, at most 60 (RFC 7240).",
  },
  "if-match": {
    description: "The entity tag of what was read: nothing is done when it has changed since.",
  },
  "if-none-match": {
    description: "An entity tag that the client has: 304 when it is still the present one.",
  },
};

const SAYS: Readonly<Record<number, string>> = {
  304: "It is still as the entity tag says.",
  400: "The request does not have the shape that is described here.",
  401: "Nobody is signed in, or the token is not known.",
  403: "Whoever asks may not do this, or the request came from a page of another origin.",
  404: "There is no such thing.",
  409: "It contradicts what is there or under way.",
  412: "It has changed since it was read, or is not as was expected.",
  413: "The body is too large.",
  415: "The body is of another type.",
  421: "The Host header names a host that this gateway does not know.",
  422: "It has the right shape and cannot be done: the sentence says why.",
  423: "Somebody else holds a lock.",
  429: "Too many at once.",
  500: "A defect; the log of the named service has the details.",
  502: "The device said no, or could not be reached.",
  503: "A service or an agent is not there. Retry-After says when to ask again.",
  504: "No answer came in time; whether it was done is not known.",
  507: "It could not be written, so nothing was done.",
};

/** The description of the API, made of the very table that it is served from. */
export function openApi(routes: readonly AnyRoute[], version: string): Json {
  const schemas = new Schemas();
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = API + route.path;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, schemas) };
  }
  for (const [path, get] of Object.entries(STREAMS)) paths[API + path] = { get };
  return {
    openapi: "3.1.0",
    info: {
      title: "Outrider",
      version,
      description:
        "Out-of-band management for clusters of small computers. Long work is a resource that tells its progress; every error is a problem (RFC 9457) whose detail says what to do.",
      license: { name: "See the repository" },
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }, { session: [] }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer" },
        session: { type: "apiKey", in: "cookie", name: "outrider-session" },
      },
      schemas: { ...schemas.components(), ProblemDetails: PROBLEM },
    },
  };
}

const PROBLEM: JsonSchema = {
  type: "object",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string", description: "Where the code is explained." },
    title: { type: "string" },
    status: { type: "integer", minimum: 400, maximum: 599 },
    detail: { type: "string", description: "What was wrong and what to do." },
    code: { type: "string", enum: Object.keys(ALL_PROBLEMS).toSorted() },
    field: { type: "string", description: "Path of what was wrong in the request." },
  },
};

function operation(route: AnyRoute, schemas: Schemas): Json {
  const isPublic = route.right === "public";
  const body = bodyOf(route, schemas);
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    ...(isPublic ? { security: [] } : {}),
    "x-right": route.right,
    ...(route.streams ? { "x-stream": true } : {}),
    parameters: [
      ...parameters(route.params, "path"),
      ...parameters(route.query, "query"),
      ...route.headers.map((name) => header(name)),
    ],
    ...(body ? { requestBody: body } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.statuses).map(([status, text]) => [
          status,
          success(route, Number(status), text, schemas),
        ]),
      ),
      ...Object.fromEntries(problemsOf(route).map((status) => [status, problem(status)])),
    },
  };
}

function bodyOf(route: AnyRoute, schemas: Schemas): Json | undefined {
  if (route.takes !== undefined) {
    return { required: true, content: { [route.takes]: { schema: textSchema(route.takes) } } };
  }
  if ((route.body as unknown) === Nothing) return undefined;
  const schema = schemas.input(route.body);
  return { required: !route.bodyOptional, content: { "application/json": { schema } } };
}

function success(route: AnyRoute, status: number, description: string, schemas: Schemas): Json {
  const json: Json =
    (route.reply as unknown) === Nothing || status === 204
      ? {}
      : { "application/json": { schema: schemas.reply(route.reply) } };
  const other = Object.fromEntries(
    [route.gives ?? []].flat().map((type) => [type, { schema: textSchema(type) }]),
  );
  const content = { ...json, ...other };
  return { description, ...(Object.keys(content).length > 0 ? { content } : {}) };
}

/** Of a body that is no JSON. YAML is read as what it says: a site file is a map. */
function textSchema(type: string): JsonSchema {
  return { type: type === "application/yaml" ? "object" : "string" };
}

/** Which problems a route can answer with. */
export function problemsOf(route: AnyRoute): number[] {
  const has = (type: unknown): boolean => type !== Nothing;
  const takesBody = has(route.body) || route.takes !== undefined;
  const statuses = [
    ...route.problems,
    403,
    421,
    500,
    ...(route.method !== "GET" || has(route.params) || has(route.query) ? [400] : []),
    ...(route.right === "public" ? [] : [401]),
    ...(takesBody ? [413, 415] : []),
    ...(route.headers.includes("if-none-match") ? [304] : []),
    ...(route.headers.includes("idempotency-key") ? [400, 409, 422, 507] : []),
  ];
  return [...new Set(statuses)].toSorted((a, b) => a - b);
}

function problem(status: number): Json {
  const description = SAYS[status] ?? "A problem.";
  if (status === 304) return { description };
  return {
    description,
    content: { [PROBLEM_TYPE]: { schema: { $ref: "#/components/schemas/ProblemDetails" } } },
  };
}

function parameters(type: new () => object, where: "path" | "query"): Json[] {
  return Object.entries(propertiesOf(type)).map(([name, schema]) => ({
    name,
    in: where,
    required: where === "path" || requiredOf(type).includes(name),
    schema,
  }));
}

function header(name: HeaderName): Json {
  const { description, pattern } = HEADERS[name];
  const spelled = name.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase());
  return {
    name: spelled,
    in: "header",
    required: false,
    description,
    schema: { type: "string", ...(pattern === undefined ? {} : { pattern }) },
  };
}

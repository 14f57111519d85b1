import type { AddressInfo, Socket } from "node:net";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { GatewayParts } from "../parts.js";
import { send, wireOf, type Wire } from "./answer.js";
import { exchange, wireOfError } from "./exchange.js";
import { checkOrigin, type Hosts } from "./origin.js";
import { HttpProblem, malformed } from "./problem.js";
import type { AnyRoute } from "./route.js";

export const API = "/api/v1";

const DEFECT = "a defect in the gateway; its log has the details";

/** Connections at once; more are refused by the kernel's backlog and wait there. */
const MAX_CONNECTIONS = 10_000;

/** The HTTP server with all routes of the table; what streams is added by the caller before it listens. */
export function createServer(
  routes: readonly AnyRoute[],
  hosts: Hosts,
  parts: GatewayParts,
  defect: (error: unknown) => void,
): FastifyInstance {
  const answerError = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const wire = wireOfError(error) ?? wireOfFramework(error, request, routes);
    if (wire) return send(reply, wire);
    if (reply.raw.destroyed) return;
    parts.log.error({ err: error }, "a request met a defect");
    send(reply, wireOf(new HttpProblem("internal", DEFECT)));
    defect(error);
  };
  const app = Fastify({
    logger: false,
    trustProxy: false,
    requestTimeout: 60_000,
    keepAliveTimeout: 65_000,
    connectionTimeout: 0,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: false },
    clientErrorHandler: refuseUnreadable,
    frameworkErrors: (error, request, reply) =>
      answerError(error, request as FastifyRequest, reply as FastifyReply),
  });
  // Bodies are read once it is known who sends them, so that a stranger's are small.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) => {
    checkOrigin(request.headers, hosts, { navigation: true });
    send(reply, wireOf(notFound(request, routes)));
  });
  for (const route of routes) {
    app.route({
      method: route.method,
      url: API + route.path.replaceAll(/\{(\w+)\}/g, ":$1"),
      handler: exchange(route, hosts, parts),
    });
  }
  app.server.maxConnections = MAX_CONNECTIONS;
  app.server.on("connection", (socket) => socket.setNoDelay(true));
  return app;
}

/** Listens. @returns the port, which the kernel chose when 0 was asked for */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<number> {
  await app.listen({ host, port, backlog: 1024 });
  return (app.server.address() as AddressInfo).port;
}

/** What Fastify itself refuses: a path that cannot be decoded, a parameter that is too long. */
function wireOfFramework(
  error: unknown,
  request: FastifyRequest,
  routes: readonly AnyRoute[],
): Wire | undefined {
  const { statusCode, code } = error as { readonly statusCode?: number; readonly code?: string };
  if (!code?.startsWith("FST_") || !statusCode || statusCode >= 500) return undefined;
  const problem = notFound(request, routes);
  return wireOf(
    problem.code === "method-not-allowed"
      ? problem
      : malformed("the request’s path cannot be read"),
  );
}

function notFound({ url, method }: FastifyRequest, routes: readonly AnyRoute[]): HttpProblem {
  const [path = ""] = url.split("?", 1);
  const known = routes.filter((route) => patternOf(route).test(path));
  if (known.length === 0) return missing();
  const allow = [...new Set(known.map((route) => route.method))];
  if ((allow as string[]).includes(method)) return missing();
  return new HttpProblem("method-not-allowed", `this does not do ${plain(method)}; see Allow`, {
    headers: { allow: [...allow, ...(allow.includes("GET") ? ["HEAD"] : [])].join(", ") },
  });
}

function missing(): HttpProblem {
  return new HttpProblem(
    "not-found",
    `there is nothing at this path; ${API}/openapi.json says what there is`,
  );
}

const patterns = new Map<string, RegExp>();

function patternOf({ path }: AnyRoute): RegExp {
  let pattern = patterns.get(path);
  if (!pattern) {
    pattern = new RegExp(`^${API}${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`);
    patterns.set(path, pattern);
  }
  return pattern;
}

function plain(method: string): string {
  return /^[A-Z-]{1,20}$/.test(method) ? method : "this method";
}

/** Of bytes that are no HTTP there is nothing to route. */
function refuseUnreadable(_error: unknown, socket: Socket): void {
  if (socket.destroyed || !socket.writable) return void socket.destroy();
  const {
    status,
    headers,
    body = "",
  } = wireOf(malformed("this is not an HTTP request that can be read"));
  socket.end(
    [
      `HTTP/1.1 ${status} Bad Request`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      `content-length: ${Buffer.byteLength(body)}`,
      "connection: close",
      "",
      body,
    ].join("\r\n"),
  );
}

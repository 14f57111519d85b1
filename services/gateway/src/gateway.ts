import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import type { GatewayConfig } from "./config.js";
import { AttachSocket } from "./consoles/attach-socket.js";
import { send } from "./http/answer.js";
import { exchange } from "./http/exchange.js";
import { checkOrigin, Hosts } from "./http/origin.js";
import { servePage } from "./http/page.js";
import { API, createServer, listen } from "./http/server.js";
import type { LiveClients } from "./live/clients.js";
import { LiveWebSocket } from "./live/web-socket.js";
import { sse } from "./live/sse.js";
import type { GatewayParts } from "./parts.js";
import { openApiText } from "./openapi/openapi-text.js";
import { METRICS_ROUTE } from "./routes/metrics.js";
import { ROUTES } from "./routes/table.js";

/** The HTTP side: the API, the live events and the page. */
export class Gateway {
  readonly #app: FastifyInstance;
  readonly #parts: GatewayParts;
  readonly #clients: LiveClients;
  readonly #webSocket: LiveWebSocket;
  #url = "";

  constructor(
    private readonly config: GatewayConfig,
    parts: GatewayParts,
    private readonly defect: (error: unknown) => void,
  ) {
    const hosts = new Hosts(config.bind, config.hosts);
    this.#parts = parts;
    this.#clients = parts.clients;
    this.#app = createServer(ROUTES, hosts, parts, defect);
    servePage(this.#app, hosts);
    this.#app.get(`${API}/openapi.json`, (request, reply) => {
      checkOrigin(request.headers, hosts, { navigation: true });
      send(reply, {
        status: 200,
        headers: { "content-type": "application/json", "cache-control": "no-cache" },
        body: openApiText(),
      });
    });
    // Where Prometheus looks unless it is told otherwise.
    this.#app.get("/metrics", exchange(METRICS_ROUTE, hosts, parts));
    this.#app.route({
      method: "GET",
      url: `${API}/events`,
      exposeHeadRoute: false,
      handler: sse(hosts, parts, this.#clients),
    });
    this.#webSocket = new LiveWebSocket(
      `${API}/events/ws`,
      hosts,
      parts,
      parts.tickets,
      this.#clients,
      defect,
    );
    const attach = new AttachSocket(hosts, parts, defect);
    this.#app.server.on("upgrade", (request, socket, head) => {
      if (AttachSocket.serves(request)) attach.upgrade(request, socket as Socket, head);
      else this.#webSocket.upgrade(request, socket, head);
    });
  }

  /** Where it is served, once it is. */
  get url(): string {
    return this.#url;
  }

  /** Listens. @throws Error of the system when the port is taken or the address is none of this host's */
  async start(): Promise<void> {
    const { bind, httpPort } = this.config;
    const port = await listen(this.#app, bind, httpPort);
    const host = bind === "0.0.0.0" ? "127.0.0.1" : bind === "::" ? "::1" : bind;
    this.#url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
    this.#parts.replies.start(this.defect);
    this.#clients.start(this.defect);
    this.#parts.consoleClients.start(this.defect);
    this.#parts.log.info({ url: this.#url }, "the gateway is served");
  }

  async stop(): Promise<void> {
    this.#parts.replies.stop();
    this.#clients.stop();
    this.#parts.consoleClients.stop();
    this.#webSocket.stop();
    await this.#app.close();
  }
}

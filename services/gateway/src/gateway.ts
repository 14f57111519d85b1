import type { FastifyInstance } from "fastify";
import type { GatewayConfig } from "./config.js";
import { Hosts } from "./http/origin.js";
import { API, createServer, listen } from "./http/server.js";
import { LiveClients } from "./live/clients.js";
import { sse } from "./live/sse.js";
import type { GatewayParts } from "./parts.js";
import { ROUTES } from "./routes/table.js";

/** The HTTP side: the API, the live events and the page. */
export class Gateway {
  readonly #app: FastifyInstance;
  readonly #clients: LiveClients;
  #url = "";

  constructor(
    private readonly config: GatewayConfig,
    private readonly parts: GatewayParts,
    private readonly defect: (error: unknown) => void,
  ) {
    const hosts = new Hosts(config.bind, config.hosts);
    this.#clients = new LiveClients(parts.clock, () => Promise.resolve(true));
    this.#app = createServer(ROUTES, hosts, parts, defect);
    this.#app.route({
      method: "GET",
      url: `${API}/events`,
      exposeHeadRoute: false,
      handler: sse(hosts, parts, this.#clients),
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
    this.parts.replies.start(this.defect);
    this.#clients.start(this.defect);
    this.parts.log.info({ url: this.#url }, "the gateway is served");
  }

  async stop(): Promise<void> {
    this.parts.replies.stop();
    this.#clients.stop();
    await this.#app.close();
  }
}

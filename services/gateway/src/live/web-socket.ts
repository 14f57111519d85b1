import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { seconds } from "@outrider/contracts/clock";
import { WebSocketServer, type WebSocket } from "ws";
import { authorize } from "../http/admission.js";
import { checkOrigin, type Hosts } from "../http/origin.js";
import { HttpProblem } from "../http/problem.js";
import { readParameters } from "../http/shape.js";
import { admitUpgrade, defectProblem, PROTOCOL, refuseUpgrade } from "../http/upgrade.js";
import type { GatewayParts } from "../parts.js";
import type { Admitted } from "../people/people.js";
import type { LiveClients } from "./clients.js";
import { Feed } from "./feed.js";
import { LiveFilter } from "./live-filter.js";
import { LiveQuery } from "./sse.js";
import type { Tickets } from "./tickets.js";

const PING = seconds(15);
/** Clients have nothing to say here. */
const MAX_INCOMING_BYTES = 4096;

/** Serves the live events over WebSocket (RFC 6455). Nothing is upgraded before it is known who asks and from where. */
export class LiveWebSocket {
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_INCOMING_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  });

  constructor(
    private readonly path: string,
    private readonly hosts: Hosts,
    private readonly parts: GatewayParts,
    private readonly tickets: Tickets,
    private readonly clients: LiveClients,
    private readonly defect: (error: unknown) => void,
  ) {}

  /** Takes an upgrade that a client asks for, or refuses it with a problem. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until it is upgraded nobody else listens to what the socket meets.
    const ignore = (): void => void socket.destroy();
    socket.on("error", ignore);
    this.#judge(request).then(
      ({ admitted, filter }) => {
        socket.off("error", ignore);
        if (socket.destroyed) return;
        this.#server.handleUpgrade(request, socket, head, (client) =>
          this.#serve(client, admitted, filter),
        );
      },
      (error: unknown) => {
        if (!(error instanceof HttpProblem)) {
          refuseUpgrade(socket, defectProblem());
          return this.defect(error);
        }
        refuseUpgrade(socket, error);
      },
    );
  }

  /** Ends all connections. */
  stop(): void {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }

  async #judge(
    request: IncomingMessage,
  ): Promise<{ readonly admitted: Admitted; readonly filter: LiveFilter }> {
    const { headers } = request;
    checkOrigin(headers, this.hosts, { navigation: false });
    const url = new URL(request.url ?? "/", "http://gateway");
    if (url.pathname !== this.path) {
      throw new HttpProblem(
        "not-found",
        `no WebSocket is served here; there is one at ${this.path}`,
      );
    }
    const { mirror, people } = this.parts;
    const admitted = await admitUpgrade(request, this.tickets, people);
    authorize(admitted, "read", undefined, people);
    const query = readParameters(LiveQuery, Object.fromEntries(url.searchParams));
    return { admitted, filter: new LiveFilter(query, admitted.subject, mirror) };
  }

  #serve(client: WebSocket, admitted: Admitted, filter: LiveFilter): void {
    let seat: Disposable;
    try {
      seat = this.clients.sit(() => client.terminate(), admitted);
    } catch {
      return client.close(1013, "too many look on already");
    }
    let alive = true;
    const stopPinging = this.parts.clock.every(PING, () => {
      if (!alive) return client.terminate();
      alive = false;
      client.ping();
    });
    const feed = new Feed(this.parts, filter, {
      send: (told) => client.send(JSON.stringify(told)),
      get backlogBytes() {
        return client.bufferedAmount;
      },
      drop: () => client.terminate(),
    });
    client.on("pong", () => void (alive = true));
    // What is wrong with what the client sent closes the connection, which is told below.
    client.on("error", () => client.terminate());
    client.on("close", () => {
      stopPinging();
      feed[Symbol.dispose]();
      seat[Symbol.dispose]();
    });
    feed.start(undefined);
  }
}

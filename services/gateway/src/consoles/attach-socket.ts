import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { pipeline, type Duplex } from "node:stream";
import type { Right } from "@outrider/contracts/identity";
import { ID_PATTERN } from "@outrider/contracts/ids";
import type { Subject } from "@outrider/identity/subject";
import { authorize } from "../http/admission.js";
import { checkOrigin, type Hosts } from "../http/origin.js";
import { HttpProblem, malformed } from "../http/problem.js";
import { API } from "../http/server.js";
import { readParameters } from "../http/shape.js";
import { admitUpgrade, defectProblem, PROTOCOL, refuseUpgrade } from "../http/upgrade.js";
import type { GatewayParts } from "../parts.js";
import { actorNameOf, type Admitted } from "../people/people.js";
import { noConsole } from "../routes/consoles.js";
import { knownNode } from "../routes/nodes.js";
import { listenerOf } from "../routes/service-listener.js";
import { away, callListener, problemOf, slow } from "../routes/service-stream.js";
import { AttachQuery } from "./attach-query.js";

interface Judged {
  readonly node: string;
  readonly admitted: Admitted;
  readonly query: AttachQuery;
}

/** The console service's side, once it has agreed. */
interface Upgraded {
  readonly response: IncomingMessage;
  readonly upstream: Socket;
  /** What it has sent already. */
  readonly first: Buffer;
}

const PATH = new RegExp(`^${API}/nodes/([^/?]+)/console/attach(\\?|$)`);
/** RFC 6455 §4.1: sixteen bytes in base64. */
const KEY_PATTERN = /^[A-Za-z0-9+/]{22}==$/;
/** What somebody who has them at the start must keep: a terminal does not outlive a right that it shows. */
const WATCHED: readonly Right[] = ["console-read", "console-write", "power"];
const SERVICE_MS = 15_000;
/** A client whose host has gone without a word is found by the kernel. */
const KEEP_ALIVE_MS = 30_000;

/**
 * Serves the WebSocket of a console: admits, asks for the right, and joins the client's connection to the console
 * service's, both ways, without looking at what passes. A side that does not read holds the other one up.
 */
export class AttachSocket {
  constructor(
    private readonly hosts: Hosts,
    private readonly parts: GatewayParts,
    private readonly defect: (error: unknown) => void,
  ) {}

  /** Whether a request is for this. */
  static serves({ url }: IncomingMessage): boolean {
    return PATH.test(url ?? "");
  }

  /** Takes an upgrade that a client asks for, or refuses it with a problem. */
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    // Until it is joined nobody else listens to what the socket meets.
    socket.on("error", () => socket.destroy());
    this.#judge(request)
      .then((judged) => this.#join(request, socket, head, judged))
      .catch((error: unknown) => {
        if (error instanceof HttpProblem) {
          this.parts.counted("attachConsole", error.status);
          return refuseUpgrade(socket, error);
        }
        refuseUpgrade(socket, defectProblem());
        return this.defect(error);
      });
  }

  async #judge(request: IncomingMessage): Promise<Judged> {
    const { headers } = request;
    checkOrigin(headers, this.hosts, { navigation: false });
    const url = new URL(request.url ?? "/", "http://gateway");
    const node = PATH.exec(request.url ?? "")?.[1] ?? "";
    const { people, tickets, mirror } = this.parts;
    if (!ID_PATTERN.test(node)) throw malformed("is no id of a node", "node");
    const isHandshake =
      headers["sec-websocket-version"] === "13" &&
      KEY_PATTERN.test(headers["sec-websocket-key"] ?? "") &&
      headers.upgrade?.toLowerCase() === "websocket";
    if (!isHandshake) throw malformed("this is no WebSocket handshake of version 13");
    const admitted = await admitUpgrade(request, tickets, people);
    authorize(admitted, "console-read", node, people);
    const query = readParameters(AttachQuery, Object.fromEntries(url.searchParams));
    const record = knownNode(node, admitted, { mirror });
    if (!record.description?.value.interfaces.console && !record.console) throw noConsole(node);
    return { node, admitted, query };
  }

  async #join(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    { node, admitted, query }: Judged,
  ): Promise<void> {
    if (socket.destroyed) return;
    const { people, consoleClients, counted } = this.parts;
    const rights = WATCHED.filter((right) => people.may(admitted.subject, right, node) === true);
    const seat = consoleClients.sit(() => socket.destroy(), admitted, { rights, node });
    socket.once("close", () => seat[Symbol.dispose]());
    try {
      const { response, upstream, first } = await this.#ask(request, socket, node, admitted, query);
      counted("attachConsole", 101);
      join({ socket, head }, { socket: upstream, head: first }, response);
    } catch (error) {
      seat[Symbol.dispose]();
      throw error;
    }
  }

  /** Asks the console service for the same upgrade. @throws HttpProblem as the service says, 503, 504 */
  async #ask(
    { headers }: IncomingMessage,
    client: Socket,
    node: string,
    { subject }: Admitted,
    query: AttachQuery,
  ): Promise<Upgraded> {
    const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
    const listener = listenerOf(this.parts.mirror, "console");
    const asked = callListener(listener, `/consoles/${node}/attach?${queryText(query)}`, {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": headers["sec-websocket-key"] ?? "",
      ...(offered.includes(PROTOCOL) ? { "sec-websocket-protocol": PROTOCOL } : {}),
      "outrider-actor": actorNameOf(subject),
      // A header carries Latin-1 only.
      "outrider-subject": asciiJson(subjectAt(node, subject)),
      "outrider-from": client.remoteAddress ?? "",
    });
    const { promise, resolve, reject } = Promise.withResolvers<Upgraded>();
    const late = AbortSignal.timeout(SERVICE_MS);
    const tooLate = (): void => reject(slow("console"));
    late.addEventListener("abort", tooLate);
    const gone = (): void => reject(away("console", new Error("the client has gone")));
    client.once("close", gone);
    asked.once("upgrade", (response, upstream, first) => resolve({ response, upstream, first }));
    asked.once("response", (response) => {
      problemOf(response, "console").then(reject, reject);
    });
    asked.on("error", (error) => reject(away("console", error)));
    asked.end();
    try {
      return await promise;
    } catch (error) {
      asked.destroy();
      throw error;
    } finally {
      late.removeEventListener("abort", tooLate);
      client.off("close", gone);
    }
  }
}

interface Side {
  readonly socket: Socket;
  /** What it had sent already. */
  readonly head: Buffer;
}

/** Tells the client that it is done, and lets both talk to each other until one of them ends. */
function join(client: Side, service: Side, { headers }: IncomingMessage): void {
  for (const { socket } of [client, service]) {
    // What breaks one side is told to the other by the flow; a socket that is closing may still say it again.
    socket.on("error", () => socket.destroy());
    socket.setNoDelay(true);
    socket.setTimeout(0);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
  }
  const protocol = headers["sec-websocket-protocol"];
  client.socket.write(
    [
      "HTTP/1.1 101 Switching Protocols",
      "upgrade: websocket",
      "connection: Upgrade",
      `sec-websocket-accept: ${headers["sec-websocket-accept"] ?? ""}`,
      ...(protocol === undefined ? [] : [`sec-websocket-protocol: ${protocol}`]),
      "",
      "",
    ].join("\r\n"),
  );
  if (service.head.length > 0) client.socket.write(service.head);
  if (client.head.length > 0) service.socket.write(client.head);
  flow(client.socket, service.socket);
  flow(service.socket, client.socket);
}

/** What ends, ends the other side once it has taken all; what breaks, breaks it. */
function flow(from: Duplex, to: Duplex): void {
  pipeline(from, to, (error) => {
    if (error) from.destroy();
  });
}

function queryText(query: AttachQuery): string {
  const given = Object.entries(query as Readonly<Record<string, unknown>>);
  return new URLSearchParams(
    given.map(([name, value]) => [name, String(value)] as [string, string]),
  ).toString();
}

/** Of a scope only what counts here: a header has no room for thousands of names. */
function subjectAt(node: string, subject: Subject): Subject {
  return subject.nodes === undefined ? subject : { ...subject, nodes: [node] };
}

function asciiJson(value: object): string {
  return JSON.stringify(value).replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

import { once } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Module } from "@nestjs/common";
import { systemClock, timestamp } from "@outrider/contracts/clock";
import { consoleState, type ConsoleSession } from "@outrider/contracts/console";
import {
  actOnConsole,
  endSession,
  listSessions,
  type ActedOnConsole,
  type ActOnConsole,
  type EndSession,
  type ListSessions,
  type SessionList,
} from "@outrider/contracts/console-operations";
import { nodeDescription, type NodeDescription } from "@outrider/contracts/node";
import { Nothing } from "@outrider/contracts/service-plane";
import { silentLog } from "@outrider/messaging/log";
import { OnRequest, type Asked } from "@outrider/service-kit/on-request";
import { startService } from "@outrider/service-kit/service";
import { WebSocketServer, type WebSocket } from "ws";

/** An upgrade as it came to the listener. */
export interface Attached {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly client: WebSocket;
}

/**
 * A console service without consoles: it has the listener and some operations of the real one, echoes what is typed in
 * capitals, and lets a test see what the gateway asks of it.
 */
export interface ConsoleStandIn extends AsyncDisposable {
  /** Paths with their queries, of requests that are no upgrades. */
  readonly asked: readonly string[];
  readonly attached: readonly Attached[];
  readonly acts: readonly Asked<ActOnConsole>[];
  readonly ended: readonly Asked<EndSession>[];
  readonly lists: readonly Asked<ListSessions>[];
  readonly sessions: ConsoleSession[];
  /** Bytes of endless logs that somebody took. */
  poured(): number;
  /** Refuses the next upgrades in these words. */
  refuse: { readonly status: number; readonly body: object } | undefined;
  stop(): Promise<void>;
}

const CHUNK = Buffer.alloc(65_536, "x");

export async function startConsoleStandIn(options: {
  readonly mqttUrl: string;
  readonly data: string;
  readonly nodes: readonly string[];
}): Promise<ConsoleStandIn> {
  const asked: string[] = [];
  const attached: Attached[] = [];
  const acts: Asked<ActOnConsole>[] = [];
  const ended: Asked<EndSession>[] = [];
  const lists: Asked<ListSessions>[] = [];
  const sessions: ConsoleSession[] = [];
  let poured = 0;

  class Operations {
    @OnRequest(actOnConsole)
    act(request: Asked<ActOnConsole>): ActedOnConsole {
      acts.push(request);
      return { detail: `did ${request.body.act.ask}` };
    }

    @OnRequest(listSessions)
    list(request: Asked<ListSessions>): SessionList {
      lists.push(request);
      const { nodes } = request.body;
      const there = sessions.filter(({ node }) => nodes?.includes(node) ?? true);
      return { sessions: there, total: there.length };
    }

    @OnRequest(endSession)
    end(request: Asked<EndSession>): Nothing {
      ended.push(request);
      return {};
    }
  }

  @Module({ providers: [Operations] })
  class StandInModule {}

  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const standIn: { refuse: ConsoleStandIn["refuse"] } = { refuse: undefined };

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (standIn.refuse) {
      const body = JSON.stringify(standIn.refuse.body);
      return void socket.end(
        `HTTP/1.1 ${standIn.refuse.status} No\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    }
    server.handleUpgrade(request, socket, head, (client) => {
      attached.push({ url: request.url ?? "", headers: request.headers, client });
      const writes = !request.url?.includes("mode=spy");
      client.send(JSON.stringify({ told: "attached", session: "s1", writes }));
      client.on("message", (data: Buffer, binary) => {
        if (binary) client.send(upperCase(data));
        else client.send(JSON.stringify({ told: "done", text: data.toString() }));
      });
    });
  };

  const http = (request: IncomingMessage, response: ServerResponse): void => {
    const url = request.url ?? "";
    asked.push(url);
    if (url.includes("lines=404")) {
      response
        .writeHead(404, { "content-type": "application/json" })
        .end(JSON.stringify({ code: "not-found", detail: "there is no log of it" }));
    } else if (url.includes("follow=true")) {
      pour(response).catch(() => undefined);
    } else if (url.includes("lines=13")) {
      response.writeHead(200);
      response.write("half of it\n", () => response.destroy());
    } else if (url.includes("/boots")) {
      response.writeHead(200).end(JSON.stringify({ boots: [] }));
    } else {
      response.writeHead(200).end(Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
    }
  };

  const pour = async (response: ServerResponse): Promise<void> => {
    response.writeHead(200);
    response.write("first\n");
    while (!response.destroyed) {
      poured += CHUNK.length;
      if (!response.write(CHUNK)) await once(response, "drain");
    }
  };

  const service = await startService({
    name: "console",
    version: "0",
    module: StandInModule,
    mqtt: { url: options.mqttUrl },
    dataDirectory: options.data,
    log: silentLog,
    http: () => http,
    upgrade: () => ({ upgrade }),
  });
  for (const node of options.nodes) {
    service.session.retain(nodeDescription, { node }, descriptionOf(node));
    service.session.retain(
      consoleState,
      { node },
      {
        link: { value: "Up", since: timestamp(systemClock) },
        stage: { value: "login", since: timestamp(systemClock) },
        viewers: 0,
        observedAt: timestamp(systemClock),
        staleAfterMs: 60_000,
      },
    );
  }
  return Object.assign(standIn, {
    asked,
    attached,
    acts,
    ended,
    lists,
    sessions,
    poured: () => poured,
    stop: async () => {
      for (const client of server.clients) client.terminate();
      await service.stop();
    },
    [Symbol.asyncDispose]: () => service.stop(),
  });
}

function upperCase(data: Buffer): Buffer {
  return data.map((byte) => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte)) as Buffer;
}

function descriptionOf(node: string): NodeDescription {
  return {
    id: node,
    name: node,
    roles: [],
    labels: {},
    supportedActions: [],
    gracefulLimitMs: 1000,
    interfaces: {
      console: [{ agent: "lab", endpoint: `${node}.console`, driver: "simulated" }],
    },
  } as unknown as NodeDescription;
}

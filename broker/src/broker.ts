import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { Aedes } from "aedes";
import { DEFAULT_LIMITS, type BrokerLimits } from "./limits.js";
import { silentLog, type Log } from "./log.js";

export interface BrokerOptions {
  readonly host: string;
  /** 0 takes a free port; see {@link RunningBroker.port}. */
  readonly port: number;
  /** Lets clients without a user name act as operators, from this machine only. */
  readonly anonymous?: "loopback-operator";
  readonly limits?: Partial<BrokerLimits>;
  readonly log?: Log;
}

/** Counters since the start. */
export interface BrokerStats {
  readonly clients: number;
}

export interface RunningBroker {
  readonly port: number;
  stats(): BrokerStats;
  /** Tells every client, closes every connection and frees the port. Nothing is kept. */
  close(): Promise<void>;
}

/**
 * Starts the broker and resolves when it listens.
 * @throws the listener's error, `EADDRINUSE` above all
 */
export async function startBroker(options: BrokerOptions): Promise<RunningBroker> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const log = options.log ?? silentLog;
  const aedes = await Aedes.createBroker({
    connectTimeout: limits.connectTimeoutMs,
    maxTopicLevels: limits.maxTopicLevels,
    maximumPacketSize: limits.maxPacketBytes,
    receiveMaximum: limits.maxInflight,
  });
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    aedes.handle(socket);
  });
  server.listen(options.port, options.host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  log.info({ host: options.host, port }, "the broker listens");
  return {
    port,
    stats: () => ({ clients: aedes.connectedClients }),
    async close() {
      const closed = once(server, "close");
      server.close();
      await new Promise<void>((resolve) => aedes.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

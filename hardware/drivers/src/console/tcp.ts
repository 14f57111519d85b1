import { ExactlyOne, Integer, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { ReconnectingLine } from "@outrider/transports/reconnecting-line";
import { openStreamSocket, type SocketAddress } from "@outrider/transports/stream-socket";
import { Matches } from "class-validator";

const KEEP_ALIVE_SECONDS = 30;

/** Where the console is served as bare bytes: `host` and `port`, or `path`. */
export class TcpConsoleOptions {
  /** Name or address of the host. */
  @Optional()
  @Matches(/^[A-Za-z0-9][A-Za-z0-9.:%_-]{0,254}$|^::[A-Fa-f0-9:.%]*$/)
  host?: string;
  /** TCP port; together with host. */
  @Optional()
  @Integer(1, 65_535)
  port?: number;
  /** Absolute path of a unix socket. */
  @Optional()
  @Matches(/^\/.{1,106}$/)
  @ExactlyOne("host", "path")
  path?: string;
  /** After so long without a byte the system asks whether the other side is still there. Default 30; 0: never. */
  @Optional()
  @Integer(0, 86_400)
  keepAliveSeconds?: number;
}

export const driver = defineDriver({
  port: "console",
  driver: "tcp",
  summary:
    "Bare bytes over TCP or a unix socket: the raw port of a terminal server or of a virtual machine.",
  // A stream of bytes carries no break, so nothing can be done by SysRq.
  actions: [],
  options: TcpConsoleOptions,
  exclusive: ["host", "port", "path"],
  resource: { kind: "tcp", options: ["host", "port"] },
  network: "host",
  example: { options: { host: "10.0.0.9", port: 3001 } },
  proof: "ser2net 4.3, socat 1.7",
  open: async (options, { clock }) => {
    const address = addressOf(options);
    const device = "path" in address ? address.path : `${address.host}:${address.port}`;
    const what = `The console at ${device}`;
    const keepAliveMs = (options.keepAliveSeconds ?? KEEP_ALIVE_SECONDS) * 1000;
    const line = new ReconnectingLine({
      clock,
      what,
      open: (listener, signal) =>
        openStreamSocket({ address, what, keepAliveMs, clock }, listener, signal),
    });
    return {
      device,
      start: (listener) => line.start(listener),
      write: (bytes, signal) => line.write(bytes, signal),
      writeNow: (bytes) => line.writeNow(bytes),
      [Symbol.asyncDispose]: () => line[Symbol.asyncDispose](),
    };
  },
});

function addressOf({ host, port, path }: TcpConsoleOptions): SocketAddress {
  if (path !== undefined && host === undefined && port === undefined) return { path };
  if (host !== undefined && port !== undefined && path === undefined) return { host, port };
  throw new PortError(
    "invalid-options",
    "The options of the driver console/tcp: must be host and port, or path alone. Correct the endpoint in the site file.",
  );
}

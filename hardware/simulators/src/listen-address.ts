import { rmSync } from "node:fs";
import { connect, type ListenOptions, type Server } from "node:net";

/** Linux keeps 108 bytes for a socket's path, the terminating zero included. */
const SOCKET_PATH_BYTES = 107;

/** Where a program serves: a unix socket or a port of the loopback interface. */
export type ListenAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: "127.0.0.1"; readonly port: number };

/**
 * Reads `127.0.0.1:<port>` (0 chooses a free one) or the path of a unix socket.
 * @throws Error that says what is wrong; other interfaces are refused, this API has no sign-in
 */
export function parseListen(text: string): ListenAddress {
  const tcp = /^([^/]*):(\d{1,5})$/.exec(text);
  if (!tcp) return { kind: "unix", path: checkSocketPath(text) };
  const port = Number(tcp[2]);
  if (tcp[1] !== "127.0.0.1" || port > 65_535) {
    throw new Error(
      `Cannot listen on ${text}: expected 127.0.0.1:<port> or the path of a unix socket.`,
    );
  }
  return { kind: "tcp", host: "127.0.0.1", port };
}

/** @throws Error when the path is too long for a unix socket */
export function checkSocketPath(path: string): string {
  const bytes = Buffer.byteLength(path);
  if (bytes === 0 || bytes > SOCKET_PATH_BYTES) {
    throw new Error(
      `The socket path ${path} has ${bytes} bytes; a unix socket takes 1 to ${SOCKET_PATH_BYTES}. Choose a shorter directory.`,
    );
  }
  return path;
}

/**
 * Starts listening. A socket file that nobody serves any more is replaced.
 * @returns the address as the caller may use it, with the port that was chosen
 * @throws Error when somebody else serves there
 */
export async function listen(server: Server, address: ListenAddress): Promise<string> {
  if (address.kind === "unix") await clearStaleSocket(address.path);
  const options: ListenOptions =
    address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port };
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      server.off("error", reject);
      resolve();
    });
  });
  if (address.kind === "unix") return address.path;
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("A TCP server has no port.");
  return `${address.host}:${bound.port}`;
}

async function clearStaleSocket(path: string): Promise<void> {
  const served = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (served)
    throw new Error(`Another process serves ${path}. Stop it, or choose another directory.`);
  rmSync(path, { force: true });
}

import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below what Linux gives to whoever asks for any port (ip_local_port_range), so that nobody is given it meanwhile. */
const FROM = 12_000;
const UNTIL = 32_000;
const handedOut = new Set<number>();

/** A TCP port of the loopback interface that nobody listens on now, and that nobody here was given before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FROM, UNTIL);
    if (handedOut.has(port) || !(await isFree(port))) continue;
    handedOut.add(port);
    return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listens = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => resolve(true));
  });
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return listens;
}

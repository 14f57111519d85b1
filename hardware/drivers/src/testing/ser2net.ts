import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accepts, freePort, startForeign } from "./foreign-process.js";

/** ser2net on a pseudo terminal whose other end is here. */
export interface Ser2net extends AsyncDisposable {
  readonly port: number;
  /** What was written to the serial port. */
  heard(): Buffer;
  /** Says so on the serial port. */
  say(bytes: Uint8Array): void;
  /** Bits per second that the port is set to now. */
  speed(): number;
}

/** @param accepter how it is served, in its own words: `telnet(rfc2217)` */
export async function startSer2net(accepter: string): Promise<Ser2net> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const tty = join(dir, "tty");
  const far = join(dir, "far");
  const heard: Buffer[] = [];
  let end: Socket | undefined;
  const wire = createServer((socket) => {
    end = socket;
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => heard.push(bytes));
  }).listen(far);
  await once(wire, "listening");
  const log = join(dir, "log");
  const pty = await startForeign({
    command: "socat",
    args: [`PTY,link=${tty},raw,echo=0`, `UNIX-CONNECT:${far}`],
    log,
    ready: async () => existsSync(tty) && end !== undefined,
  });
  const port = await freePort();
  const config = join(dir, "ser2net.yaml");
  writeFileSync(
    config,
    `connection: &c0
  accepter: ${accepter},tcp,127.0.0.1,${port}
  connector: serialdev,${tty},115200n81,local
  options:
    max-connections: 4
    chardelay: false
`,
  );
  const server = await startForeign({
    command: "ser2net",
    args: ["-n", "-d", "-c", config],
    log,
    ready: async () => existsSync(log) && (await accepts(port)),
  });
  return {
    port,
    heard: () => Buffer.concat(heard),
    say: (bytes) => void end?.write(bytes),
    speed: () => Number(execFileSync("stty", ["-F", tty, "speed"]).toString()),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await pty.stop();
      wire.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { listening } from "@outrider/testing/broker";
import { startNode, startProgram, type Child } from "@outrider/testing/child";
import { freePort } from "@outrider/testing/free-port";
import { findProgram } from "@outrider/testing/peers";
import { tempDir } from "@outrider/testing/temp-dir";
import { cpuMs, processesUnder } from "./machine.js";

/** A terminal server with its logs switched on, on the lines that it was given. */
export interface TerminalServer extends AsyncDisposable {
  readonly name: string;
  /** Whoever types at a line, counted from 0. Everything that is then said on the line comes out of the socket. */
  open(line: number): Promise<Socket>;
  /** Processor time of all its processes so far, in milliseconds. */
  cpuMs(): number;
}

const WITHIN_MS = 10_000;

/**
 * ser2net (Debian), one raw TCP port a line, every byte that is read also written to a trace file. It does not wait for
 * more characters, which is not its default. It reads a line only while somebody is connected.
 * @param paths of the terminals
 * @returns undefined where it is not installed
 */
export async function startSer2net(paths: readonly string[]): Promise<TerminalServer | undefined> {
  const program = findProgram("ser2net");
  if (!program) return undefined;
  const folder = await tempDir("s2n-");
  const ports = await Promise.all(paths.map(() => freePort()));
  const config = join(folder.path, "ser2net.yaml");
  await writeFile(
    config,
    paths
      .map(
        (path, at) => `connection: &c${at}
  accepter: tcp,127.0.0.1,${ports[at] ?? 0}
  connector: serialdev,${path},115200n81,local
  options:
    trace-read: ${join(folder.path, `${at}.log`)}
    max-connections: 4
    chardelay: false
`,
      )
      .join(""),
  );
  const started = await startProgram(program, { args: ["-n", "-d", "-c", config], ready: "none" });
  const child = await listening(ports[0] ?? 0, started);
  return {
    name: "ser2net",
    open: (line) => dial(ports[line] ?? 0),
    cpuMs: () => cpuMs(child.pid),
    [Symbol.asyncDispose]: () => end([child], folder),
  };
}

/** conserver (Debian), one log file a line, on a port of its own that its clients are sent to. */
export async function startConserver(
  paths: readonly string[],
): Promise<TerminalServer | undefined> {
  const program = findProgram("conserver");
  if (!program) return undefined;
  const folder = await tempDir("cns-");
  const logs = join(folder.path, "logs");
  await mkdir(logs);
  const config = join(folder.path, "conserver.cf");
  const port = await freePort();
  await writeFile(
    config,
    `config * { defaultaccess allowed; sslrequired no; }
default * { master localhost; rw *; logfile ${logs}/&.log; timestamp ""; }
access * { trusted 127.0.0.1; }
${paths
  .map(
    (path, at) =>
      `console c${at} { type device; device ${path}; baud 115200; parity none; options !ixon,!ixoff; }`,
  )
  .join("\n")}
`,
  );
  const args = ["-C", config, "-P", join(folder.path, "none"), "-M", "127.0.0.1", "-n", "-o"];
  const all = [...args, "-m", "64", "-p", String(port), "-b", String(port + 1)];
  const started = await startProgram(program, { args: all, ready: "none" });
  const child = await listening(port, started);
  return {
    name: "conserver",
    open: (line) => openConserver(port, `c${line}`),
    cpuMs: () => processesUnder(child.pid).reduce((sum, pid) => sum + cpuMs(pid), 0),
    [Symbol.asyncDispose]: () => end([child], folder),
  };
}

/** Two Node processes in a row that only hand bytes on: what no terminal server of two such processes goes below. */
export async function startRelay(paths: readonly string[]): Promise<TerminalServer> {
  const program = import.meta.resolve("./console-relay-main.js");
  const far = await startNode(program, { args: ["far", ...paths] });
  const args = ["near", String(far.ready["port"]), String(paths.length)];
  const near = await startNode(program, { args });
  const ports = near.ready["ports"] as readonly number[];
  const folder = await tempDir("relay-");
  return {
    name: "two bare relays",
    open: (line) => dial(ports[line] ?? 0),
    cpuMs: () => cpuMs(far.pid) + cpuMs(near.pid),
    [Symbol.asyncDispose]: () => end([near, far], folder),
  };
}

/** Its clients say who they are, ask where a console is, say so there again, and are attached after a command. */
async function openConserver(port: number, console: string): Promise<Socket> {
  const master = await dial(port);
  const there = Number((await greet(master, console)).trim());
  master.destroy();
  const socket = await dial(there);
  await greet(socket, console);
  socket.write("\u0005c;\r\n");
  await said(socket, /\[connected\]\r\n/);
  return socket;
}

async function greet(socket: Socket, console: string): Promise<string> {
  await said(socket, /ok\r\n/);
  socket.write("login root\r\n");
  await said(socket, /ok\r\n/);
  socket.write(`call ${console}\r\n`);
  return said(socket, /\r\n/);
}

async function said(socket: Socket, what: RegExp): Promise<string> {
  let text = "";
  const signal = AbortSignal.timeout(WITHIN_MS);
  while (!what.test(text)) {
    const [chunk] = (await once(socket, "data", { signal })) as [Buffer];
    text += chunk.toString("latin1");
  }
  return text;
}

/** Tries until somebody listens: servers open their ports one after another. */
export async function dial(port: number): Promise<Socket> {
  const signal = AbortSignal.timeout(WITHIN_MS);
  for (;;) {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const met = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.on("error", () => socket.destroy());
    if (met) return socket;
    await setTimeout(50, undefined, { signal });
  }
}

async function end(children: readonly Child[], folder: AsyncDisposable): Promise<void> {
  for (const child of children) await child.kill("SIGTERM");
  await folder[Symbol.asyncDispose]();
}

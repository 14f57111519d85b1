import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { startNode, startProgram, type Child } from "./child.js";
import { eventually } from "./eventually.js";
import { freePort } from "./free-port.js";
import { findProgram, requirePeer } from "./peers.js";
import { tempDir } from "./temp-dir.js";

/** `aedes`: as bare as can be; `mosquitto`: Debian's. Both let everybody do everything. */
export type BrokerKind = "aedes" | "mosquitto";

export interface TestBrokerOptions {
  /** Default `aedes`. */
  readonly kind?: BrokerKind;
  /** Default: a free one. */
  readonly port?: number;
}

/** A real broker on the loopback interface, in a process of its own. Nothing survives its restart. */
export interface TestBroker extends AsyncDisposable {
  readonly kind: BrokerKind;
  /** The same across restarts. */
  readonly port: number;
  readonly url: string;
  running(): boolean;
  /** Ends it as its operator would; clients are told where the protocol can tell them. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Freezes it: sockets stay open and nothing is answered. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Starts it again on the same port, with nothing stored; stops it first if it runs. */
  restart(): Promise<void>;
}

/** Whether tests with mosquitto can run here. Says so aloud when not; in CI that fails. */
export function hasMosquitto(): boolean {
  return requirePeer("mosquitto", "apt-get install mosquitto");
}

/** The brokers that every contract with a broker is tested on. */
export function brokerKinds(): BrokerKind[] {
  return hasMosquitto() ? ["aedes", "mosquitto"] : ["aedes"];
}

export async function startTestBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const { kind = "aedes" } = options;
  const start = kind === "aedes" ? startAedes : startMosquitto;
  return { kind, ...(await runBroker(start, options.port)) };
}

/** A broker's process on a port of its own. @param start runs it and resolves when it listens */
export async function runBroker(
  start: (port: number) => Promise<Child>,
  wanted?: number,
): Promise<Omit<TestBroker, "kind">> {
  let found: { readonly port: number; readonly child: Child } | undefined;
  for (let attempt = 1; !found; attempt++) {
    const port = wanted ?? (await freePort());
    try {
      found = { port, child: await start(port) };
    } catch (error) {
      // Somebody else may have taken the free port in between.
      if (wanted !== undefined || attempt === 5) throw error;
    }
  }
  const { port } = found;
  let current = found.child;
  const stop = (): Promise<void> => current.kill("SIGTERM");
  return {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    running: () => current.running,
    stop,
    kill: () => current.kill("SIGKILL"),
    freeze: () => current.kill("SIGSTOP"),
    thaw: () => current.kill("SIGCONT"),
    restart: async () => {
      await stop();
      current = await start(port);
    },
    [Symbol.asyncDispose]: () => current.kill("SIGKILL"),
  };
}

function startAedes(port: number): Promise<Child> {
  return startNode(new URL("./bare-aedes.js", import.meta.url), { args: [String(port)] });
}

async function startMosquitto(port: number): Promise<Child> {
  await using folder = await tempDir();
  const config = join(folder.path, "mosquitto.conf");
  await writeFile(
    config,
    [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      "persistence false",
      "set_tcp_nodelay true",
      "log_dest stderr",
      "max_queued_messages 100000",
      "",
    ].join("\n"),
  );
  const program = findProgram("mosquitto");
  if (!program) throw new Error("mosquitto is not installed: apt-get install mosquitto");
  // Awaited here, because the configuration goes with this scope.
  return await listening(
    port,
    await startProgram(program, { args: ["-c", config], ready: "none" }),
  );
}

/** Waits until a process accepts connections on a port. @throws Error with its words when it ends before */
export async function listening(port: number, child: Child): Promise<Child> {
  const dead = child.exited.then(() => {
    throw new Error(`it ended before it listened on ${port}:\n${child.stderr()}`);
  });
  try {
    await Promise.race([eventually(`somebody listens on ${port}`, () => accepts(port)), dead]);
    if (!child.running) await dead;
  } catch (error) {
    await child.kill();
    throw error;
  }
  dead.catch(() => undefined);
  return child;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

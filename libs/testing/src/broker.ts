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
  readonly running: boolean;
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
  let { port } = options;
  let child: Child | undefined;
  for (let attempt = 1; !child; attempt++) {
    const tried = port ?? (await freePort());
    try {
      child = await start(tried);
      port = tried;
    } catch (error) {
      // Somebody else may have taken the free port in between.
      if (options.port !== undefined || attempt === 5) throw error;
    }
  }
  const chosen = port ?? 0;
  let current: Child = child;
  const stop = (): Promise<void> => current.kill("SIGTERM");
  return {
    kind,
    port: chosen,
    url: `mqtt://127.0.0.1:${chosen}`,
    get running() {
      return current.running;
    },
    stop,
    kill: () => current.kill("SIGKILL"),
    freeze: () => current.kill("SIGSTOP"),
    thaw: () => current.kill("SIGCONT"),
    restart: async () => {
      await stop();
      current = await start(chosen);
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
  const child = await startProgram(program, { args: ["-c", config], ready: "none" });
  try {
    await eventually(`mosquitto listens on ${port}`, async () => {
      if (!child.running) throw new Error(child.stderr());
      return accepts(port);
    });
    if (!child.running) throw new Error(`mosquitto ended at once:\n${child.stderr()}`);
  } catch (error) {
    await child.kill();
    throw error;
  }
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

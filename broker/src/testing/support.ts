import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Identity } from "@outrider/contracts/acl";
import { milliseconds, seconds, systemClock } from "@outrider/contracts/clock";
import {
  connect as connectMqtt,
  type IClientOptions,
  type IConnackPacket,
  type MqttClient,
} from "mqtt";
import { startBroker, type BrokerOptions, type RunningBroker } from "../broker.js";
import { claimOf } from "@outrider/identity/names";
import type { Log } from "../log.js";

/** What the tests of this package share. */

const DEADLINE = seconds(20);

/** Waits until something is so. @throws Error with `what` after twenty seconds */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = AbortSignal.timeout(DEADLINE);
  while (!(await holds())) {
    if (deadline.aborted) throw new Error(`not so after 20 s: ${what}`);
    await systemClock.sleep(milliseconds(5));
  }
}

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), "outrider-broker-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export interface LogLine {
  readonly level: keyof Log;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A log that can be read back. */
export function recordingLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: keyof Log) =>
    (fields: object, message: string): void => {
      lines.push({ ...fields, level, message });
    };
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

export interface BrokerUnderTest extends AsyncDisposable {
  readonly broker: RunningBroker;
  readonly lines: LogLine[];
  /** Connects as `service:power`, `agent:rack-a`, a person, or (undefined) nobody in particular. */
  connect(username: string | undefined, options?: IClientOptions): Promise<TestClient>;
}

/** Knows every well-formed name, with the secret `secret`; persons called `viewer.…` may only look. */
export function brokerOptions(): BrokerOptions {
  return {
    host: "127.0.0.1",
    port: 0,
    credentials: {
      verify: async ({ kind, name }, secret) => {
        if (Buffer.from(secret).toString() !== "secret") return undefined;
        if (kind !== "person") return { kind, name } as Identity;
        return name.startsWith("viewer.") ? { kind, name, role: "viewer" } : { kind, name };
      },
      refresh: async () => {},
      stillStands: () => true,
      close: async () => {},
    },
  };
}

export async function brokerUnderTest(
  options: Partial<BrokerOptions> = {},
): Promise<BrokerUnderTest> {
  const log = recordingLog();
  const broker = await startBroker({ ...brokerOptions(), log, ...options });
  const clients: TestClient[] = [];
  return {
    broker,
    lines: log.lines,
    async connect(username, given = {}) {
      const client = await connect(broker.port, username, given);
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const { mqtt } of clients) mqtt.end(true);
      await broker.close();
    },
  };
}

export interface Message {
  readonly topic: string;
  readonly text: string;
  readonly retain: boolean;
  readonly user: Readonly<Record<string, string | string[]>>;
}

export interface TestClient {
  readonly mqtt: MqttClient;
  readonly connack: IConnackPacket;
  /** Everything received, in order. */
  readonly messages: Message[];
  /** Reason code of the DISCONNECT that the broker sent, if it did. */
  readonly ended: { code?: number | undefined };
  /** Waits for a message on a topic. */
  received(topic: string): Promise<Message>;
}

/** The CONNACK of a CONNECT that was not accepted. */
export class ConnectRefused extends Error {
  override readonly name = "ConnectRefused";
  readonly code: number | undefined;
  readonly reason: string | undefined;

  constructor(connack: IConnackPacket | undefined) {
    super("refused");
    this.code = connack?.reasonCode ?? connack?.returnCode;
    this.reason = connack?.properties?.reasonString;
  }
}

function connected(mqtt: MqttClient): Promise<IConnackPacket> {
  return new Promise((resolve, reject) => {
    let connack: IConnackPacket | undefined;
    mqtt.on("packetreceive", (packet) => {
      if (packet.cmd === "connack") connack = packet;
    });
    mqtt.once("connect", resolve);
    const refused = (): void => {
      mqtt.end(true);
      reject(new ConnectRefused(connack));
    };
    mqtt.once("error", refused);
    mqtt.once("close", refused);
  });
}

let numbered = 0;

export async function connect(
  port: number,
  username: string | undefined,
  given: IClientOptions = {},
): Promise<TestClient> {
  const claim = username === undefined ? undefined : claimOf(username);
  const mqtt = connectMqtt({
    host: "127.0.0.1",
    port,
    protocolVersion: 5,
    reconnectPeriod: 0,
    clientId: `${claim?.name ?? "client"}-${++numbered}`,
    ...(username !== undefined && { username, password: "secret" }),
    ...given,
  });
  const connack = await connected(mqtt);
  const messages: Message[] = [];
  const ended: TestClient["ended"] = {};
  mqtt.on("message", (topic, payload, packet) => {
    messages.push({
      topic,
      text: payload.toString(),
      retain: packet.retain,
      user: { ...packet.properties?.userProperties },
    });
  });
  mqtt.on("disconnect", (packet) => (ended.code = packet.reasonCode));
  mqtt.on("error", () => {});
  return {
    mqtt,
    connack,
    messages,
    ended,
    async received(topic) {
      const found = (): Message | undefined => messages.find((one) => one.topic === topic);
      await eventually(`a message on ${topic}`, () => found() !== undefined);
      return found() as Message;
    },
  };
}

/** Publishes something behind which nothing earlier can still be under way to `reader`, and waits for it. */
export async function barrier(
  writer: TestClient,
  reader: TestClient,
  topic: string,
): Promise<void> {
  const mark = `mark-${++numbered}`;
  await writer.mqtt.publishAsync(topic, mark, { qos: 1 });
  await eventually(`${mark} on ${topic}`, () => reader.messages.some((one) => one.text === mark));
}

/**
 * Whether mosquitto's clients are here. A missing peer is said aloud, and fails where it must not be missing.
 * @throws Error in CI
 */
export function hasMosquitto(): boolean {
  const { error } = spawnSync("mosquitto_sub", ["--help"]);
  if (!error) return true;
  const message = "mosquitto_sub is not installed; run: apt-get install mosquitto-clients";
  if (process.env["CI"] || process.env["OUTRIDER_REQUIRE_PEERS"]) throw new Error(message);
  process.stderr.write(`\nSKIPPED: ${message}\n`);
  return false;
}

/** Arguments with which mosquitto's clients connect as a person. */
export function mosquittoArguments(port: number, name: string, ...more: string[]): string[] {
  return ["-h", "127.0.0.1", "-p", String(port), "-u", name, "-P", "secret", ...more];
}

export interface Program extends AsyncDisposable {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly out: () => string;
  readonly err: () => string;
  /** Exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
}

/** Starts a real program; it is gone at the end of the test whatever happens. */
export function run(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Program {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...environment },
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const exited = once(child, "close").then(
    ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
  );
  return {
    child,
    out: () => out,
    err: () => err,
    exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

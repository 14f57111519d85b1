import { startProgram, type Child } from "./child.js";
import { eventually } from "./eventually.js";
import { findProgram, requirePeer } from "./peers.js";

/** Whether Debian's MQTT clients are here. Says so aloud when not; in CI that fails. */
export function hasMosquittoClients(): boolean {
  return requirePeer("mosquitto_pub", "apt-get install mosquitto-clients");
}

export interface CliOptions {
  readonly port: number;
  /** Default `mqttv5`. */
  readonly version?: "mqttv311" | "mqttv5";
  readonly username?: string;
  readonly password?: string;
  readonly clientId?: string;
}

export interface PublishOptions extends CliOptions {
  readonly qos?: 0 | 1 | 2;
  readonly retain?: boolean;
  /** User properties; MQTT 5 only. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** Runs `mosquitto_pub`. @throws Error with its words when it fails, which it does not on every refusal */
export async function mosquittoPub(
  topic: string,
  payload: string,
  options: PublishOptions,
): Promise<void> {
  const { qos = 1, retain = false, properties = {} } = options;
  const args = [...common(options), "-t", topic, "-q", String(qos)];
  args.push(...(payload === "" ? ["-n"] : ["-m", payload]));
  if (retain) args.push("-r");
  for (const [name, value] of Object.entries(properties)) {
    args.push("-D", "publish", "user-property", name, value);
  }
  const child = await startProgram(program("mosquitto_pub"), { args, ready: "none" });
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`mosquitto_pub ended with ${code}: ${child.stderr()}`);
}

export interface CliMessage {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
  /** User properties; MQTT 5 only. */
  readonly properties: Readonly<Record<string, string>>;
}

/** A running `mosquitto_sub`. */
export interface Subscriber extends AsyncDisposable {
  readonly child: Child;
  /** What has arrived so far. */
  readonly messages: CliMessage[];
  /** Waits for a message that fits. */
  next(what: string, fits: (message: CliMessage) => boolean): Promise<CliMessage>;
}

/** Runs `mosquitto_sub` until it is disposed; resolves when its subscriptions are acknowledged. */
export async function mosquittoSub(
  topics: readonly string[],
  options: CliOptions,
): Promise<Subscriber> {
  const args = [...common(options), "-q", "1", "-d", "-F", `${MARK}%j`, "--retain-as-published"];
  if (options.version === "mqttv311") args.splice(args.indexOf("--retain-as-published"), 1);
  for (const topic of topics) args.push("-t", topic);
  const messages: CliMessage[] = [];
  // Its output would otherwise stay in a buffer until the first message.
  const child = await startProgram(program("stdbuf"), {
    args: ["-oL", program("mosquitto_sub"), ...args],
    ready: (line) => {
      if (line.startsWith("Subscribed")) return { ready: true };
      return undefined;
    },
  });
  let read = 0;
  const collect = (): CliMessage[] => {
    for (; read < child.lines.length; read++) {
      const line = child.lines[read] ?? "";
      if (line.startsWith(MARK)) messages.push(parse(line.slice(MARK.length)));
    }
    return messages;
  };
  return {
    child,
    get messages() {
      return collect();
    },
    next: (what, fits) => eventually(what, () => collect().find(fits)),
    [Symbol.asyncDispose]: () => child.kill(),
  };
}

const MARK = "message:";

function common(options: CliOptions): string[] {
  const { port, version = "mqttv5", username, password, clientId } = options;
  const args = ["-h", "127.0.0.1", "-p", String(port), "-V", version];
  if (username !== undefined) args.push("-u", username);
  if (password !== undefined) args.push("-P", password);
  if (clientId !== undefined) args.push("-i", clientId);
  return args;
}

function program(name: string): string {
  const path = findProgram(name);
  if (!path) throw new Error(`${name} is not installed: apt-get install mosquitto-clients`);
  return path;
}

interface Printed {
  readonly topic: string;
  readonly payload?: unknown;
  readonly retain?: number;
  readonly properties?: { readonly "user-properties"?: Readonly<Record<string, string>> };
}

function parse(text: string): CliMessage {
  const { topic, payload, retain, properties } = JSON.parse(text) as Printed;
  return {
    topic,
    // A payload that is itself JSON is printed as text all the same; none at all is printed as null.
    payload: typeof payload === "string" ? payload : "",
    retain: retain === 1,
    properties: properties?.["user-properties"] ?? {},
  };
}

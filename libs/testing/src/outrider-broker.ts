import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { listening, runBroker, type TestBroker } from "./broker.js";
import { startNode } from "./child.js";
import { tempDir } from "./temp-dir.js";

export interface OutriderBrokerOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Whether clients without a user name are operators, as in the demo. Default false. */
  readonly anonymous?: boolean;
}

export interface Secret {
  readonly username: string;
  readonly password: string;
}

/** Our own broker as it ships, with identities, limits and ACL. Nothing but its credentials survives its restart. */
export interface OutriderBroker extends Omit<TestBroker, "kind"> {
  /** Its data folder, with `credentials.json` and `secrets/<kind>-<name>`. */
  readonly data: string;
  /** The user name and secret of an identity, which is made when there is none. */
  identity(kind: "person" | "service" | "agent", name: string): Promise<Secret>;
}

export async function startOutriderBroker(
  options: OutriderBrokerOptions = {},
): Promise<OutriderBroker> {
  const folder = await tempDir();
  const data = folder.path;
  const broker = await runBroker(async (port) => {
    const env = {
      OUTRIDER_BIND: "127.0.0.1",
      OUTRIDER_MQTT_PORT: String(port),
      OUTRIDER_DATA: data,
      OUTRIDER_SITE: options.anonymous ? undefined : "site.yaml",
    };
    const program = import.meta.resolve("@outrider/broker/main");
    return listening(port, await startNode(program, { env, ready: "none" }));
  }, options.port);
  return {
    ...broker,
    data,
    identity: async (kind, name) => {
      const program = import.meta.resolve("@outrider/broker/credentials-main");
      const args = ["add", kind, name];
      const adding = await startNode(program, {
        args,
        env: { OUTRIDER_DATA: data },
        ready: "none",
      });
      const { code } = await adding.exited;
      if (code !== 0) throw new Error(`${kind}:${name} was not added: ${adding.stderr()}`);
      const password = await readFile(join(data, "secrets", `${kind}-${name}`), "utf8");
      return { username: `${kind}:${name}`, password: password.trim() };
    },
    [Symbol.asyncDispose]: async () => {
      await broker.kill();
      await folder.remove();
    },
  };
}

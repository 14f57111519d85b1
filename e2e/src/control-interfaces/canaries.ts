import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";

/** Secrets of devices: found nowhere but where they are given. */
export const CANARIES = {
  readCommunity: "canary-e2e-read-4b1f",
  writeCommunity: "canary-e2e-write-93c0",
  authKey: "canary-e2e-auth-key-7d25",
  privKey: "canary-e2e-priv-key-e8a6",
  switchPassword: "canary-e2e-switch-password-51f9",
  /** The one that simulated plugs demand. */
  homeAssistantToken: "canary-of-plugs",
} as const;

/** All that crosses the wires of a deployment, by connection and way. */
export class Tap {
  readonly #heard = new Map<object, Buffer[]>();

  readonly hear = (bytes: Buffer, from: object): void => {
    const all = this.#heard.get(from);
    if (all) all.push(bytes);
    else this.#heard.set(from, [bytes]);
  };

  /** What each end of each connection has sent. */
  get streams(): Buffer[] {
    return [...this.#heard.values()].map((chunks) => Buffer.concat(chunks));
  }
}

/** Every file below a folder but those of one folder in it. */
export async function filesBelow(folder: string, except: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(`${except}${sep}`));
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(path)] as const)),
  );
}

/** As it is, as base64 of HTTP's Basic authentication would hide it, and as JSON or an URL would write it. */
export function spellings(secret: string, username = ""): string[] {
  return [
    secret,
    Buffer.from(secret).toString("hex"),
    Buffer.from(`${username}:${secret}`).toString("base64"),
  ];
}

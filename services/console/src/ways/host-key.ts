import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import ssh2 from "ssh2";
import { fingerprintOf } from "./sign-in-desk.js";

export interface HostKey {
  /** In OpenSSH's form. Never logged. */
  readonly privateKey: string;
  /** `SHA256:…`, which is what people compare at their first connection. */
  readonly fingerprint: string;
  /** One line for a known_hosts file, after the name of the host. */
  readonly publicKey: string;
}

/** Where the key of a deployment is kept. */
export const hostKeyPath = (dataDirectory: string): string =>
  join(dataDirectory, "secrets", "ssh-host-ed25519");

/**
 * The key by which people know this terminal server: made at the first start, readable by its owner alone, and the same
 * for ever. A file that is there and is no key is an error, never replaced: everybody would be warned of a changed host.
 * @throws Error that names the file and says what to do
 */
export async function readHostKey(dataDirectory: string): Promise<HostKey> {
  const path = hostKeyPath(dataDirectory);
  const held = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new Error(`the SSH host key ${path} cannot be read: ${error.message}`, { cause: error });
  });
  return keyOf(held ?? (await makeKey(dataDirectory, path)), path);
}

async function makeKey(dataDirectory: string, path: string): Promise<string> {
  await mkdir(join(dataDirectory, "secrets"), { recursive: true, mode: 0o700 });
  const { private: text } = ssh2.utils.generateKeyPairSync("ed25519", { comment: "outrider" });
  const part = `${path}.part`;
  await rm(part, { force: true });
  const file = await open(part, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, path);
  return text;
}

function keyOf(privateKey: string, path: string): HostKey {
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error || Array.isArray(key) || key.type !== "ssh-ed25519") {
    throw new Error(
      `${path} is no ed25519 key in OpenSSH's form; put the right one back, or remove it for a new one (everybody is warned then)`,
    );
  }
  const blob = key.getPublicSSH();
  return {
    privateKey,
    fingerprint: fingerprintOf(blob),
    publicKey: `ssh-ed25519 ${blob.toString("base64")}`,
  };
}

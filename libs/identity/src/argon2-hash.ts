import {
  argon2 as argon2Callback,
  randomBytes,
  timingSafeEqual,
  type Argon2Parameters,
} from "node:crypto";
import { promisify } from "node:util";

const argon2 = promisify<"argon2id", Argon2Parameters, Buffer>(argon2Callback);

/** Cost of argon2id (RFC 9106). */
interface Cost {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
}

/** The least that OWASP's password storage cheat sheet asks for: 19 MiB, two passes, one lane. */
const COST: Cost = { memoryKiB: 19 * 1024, passes: 2, lanes: 1 };
const KEY_BYTES = 32;
const SALT_BYTES = 16;

const FORM =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/;

interface Parsed {
  readonly cost: Cost;
  readonly salt: Buffer;
  readonly key: Buffer;
}

/** `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<key>`, both in base64 without padding (PHC string format). */
export async function argon2Hash(secret: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return written(
    salt,
    await derive(Buffer.from(secret), { cost: COST, salt, key: salt }, KEY_BYTES),
  );
}

/** Whether a secret belongs to a hash. Runs off the event loop. @throws TypeError when the text is no hash */
export async function matchesArgon2(hash: string, secret: Uint8Array): Promise<boolean> {
  const parsed = parse(hash);
  if (!parsed) throw new TypeError("not an argon2id hash");
  return timingSafeEqual(await derive(secret, parsed, parsed.key.length), parsed.key);
}

export function isArgon2(hash: string): boolean {
  return parse(hash) !== undefined;
}

/** Whether a hash was made at a lower cost than is asked for now. */
export function isOutdated(hash: string): boolean {
  const cost = parse(hash)?.cost;
  return !cost || cost.memoryKiB < COST.memoryKiB || cost.passes < COST.passes;
}

/** A hash that nothing matches and that costs what a real one does, for names that do not exist. */
export function unmatchableArgon2(): string {
  return written(Buffer.alloc(SALT_BYTES), randomBytes(KEY_BYTES));
}

function derive(secret: Uint8Array, { cost, salt }: Parsed, keyBytes: number): Promise<Buffer> {
  return argon2("argon2id", {
    message: secret,
    nonce: salt,
    parallelism: cost.lanes,
    tagLength: keyBytes,
    memory: cost.memoryKiB,
    passes: cost.passes,
  });
}

function written(salt: Buffer, key: Buffer): string {
  const { memoryKiB, passes, lanes } = COST;
  return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${lanes}$${bare(salt)}$${bare(key)}`;
}

/** Costs that this process could not bear are no hash of ours. */
function parse(text: string): Parsed | undefined {
  const [, memory, passes, lanes, salt, key] = FORM.exec(text) ?? [];
  if (salt === undefined || key === undefined) return undefined;
  const cost = { memoryKiB: Number(memory), passes: Number(passes), lanes: Number(lanes) };
  const bearable =
    cost.lanes >= 1 &&
    cost.lanes <= 4 &&
    cost.passes >= 1 &&
    cost.passes <= 10 &&
    cost.memoryKiB >= 8 * cost.lanes &&
    cost.memoryKiB <= 256 * 1024;
  return bearable
    ? { cost, salt: Buffer.from(salt, "base64"), key: Buffer.from(key, "base64") }
    : undefined;
}

function bare(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}

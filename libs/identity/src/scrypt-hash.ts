import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import type { Claim } from "./names.js";

const derive = promisify<string | Uint8Array, Uint8Array, number, object, Buffer>(scrypt);

/** scrypt's cost: N = 2^log2N (RFC 7914). */
interface Cost {
  readonly log2N: number;
  readonly r: number;
  readonly p: number;
}

const KEY_BYTES = 32;
const SALT_BYTES = 16;

/**
 * People choose guessable words, so theirs cost about 60 ms to try. The secrets of services and agents are
 * 256 random bits that no amount of trying finds: theirs are cheap, or a site's agents that all come back
 * at once would keep one another waiting.
 */
const COSTS: Readonly<Record<Claim["kind"], Cost>> = {
  person: { log2N: 15, r: 8, p: 1 },
  service: { log2N: 12, r: 8, p: 1 },
  agent: { log2N: 12, r: 8, p: 1 },
};

const FORM =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{16,88})\$([A-Za-z0-9+/]{43})$/;

/** `$scrypt$ln=15,r=8,p=1$<salt>$<key>`, both in base64 without padding (PHC string format). */
export async function hashSecret(kind: Claim["kind"], secret: string): Promise<string> {
  const cost = COSTS[kind];
  const salt = randomBytes(SALT_BYTES);
  const key = await stretch(secret, salt, cost);
  return `$scrypt$ln=${cost.log2N},r=${cost.r},p=${cost.p}$${bare(salt)}$${bare(key)}`;
}

/** Whether this is a hash that {@link matchesHash} can use, with a cost that this process can bear. */
export function isHash(text: string): boolean {
  return parse(text) !== undefined;
}

/**
 * Whether a secret belongs to a hash. Runs off the event loop.
 * @throws TypeError when the text is no hash
 */
export async function matchesHash(hash: string, secret: Uint8Array): Promise<boolean> {
  const parsed = parse(hash);
  if (!parsed) throw new TypeError("not a scrypt hash");
  return timingSafeEqual(await stretch(secret, parsed.salt, parsed.cost), parsed.key);
}

/** A hash that nothing matches and that costs what a real one of this kind does, for names that do not exist. */
export function unmatchableHash(kind: Claim["kind"]): string {
  const { log2N, r, p } = COSTS[kind];
  const salt = bare(Buffer.alloc(SALT_BYTES));
  return `$scrypt$ln=${log2N},r=${r},p=${p}$${salt}$${bare(randomBytes(KEY_BYTES))}`;
}

function stretch(secret: string | Uint8Array, salt: Uint8Array, cost: Cost): Promise<Buffer> {
  const { log2N, r, p } = cost;
  return derive(secret, salt, KEY_BYTES, { N: 2 ** log2N, r, p, maxmem: 256 * 1024 * 1024 });
}

function parse(text: string): { cost: Cost; salt: Buffer; key: Buffer } | undefined {
  const [, log2N, r, p, salt, key] = FORM.exec(text) ?? [];
  if (salt === undefined || key === undefined) return undefined;
  const cost = { log2N: Number(log2N), r: Number(r), p: Number(p) };
  const bearable =
    cost.log2N >= 1 && cost.log2N <= 17 && cost.r >= 1 && cost.r <= 8 && cost.p >= 1 && cost.p <= 4;
  return bearable
    ? { cost, salt: Buffer.from(salt, "base64"), key: Buffer.from(key, "base64") }
    : undefined;
}

function bare(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}

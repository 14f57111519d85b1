import { createHash } from "node:crypto";
import { IdentityError } from "./identity-error.js";

/** A public key as OpenSSH writes it. */
export interface ParsedSshKey {
  readonly type: string;
  /** `SHA256:` and the hash in base64 without padding (RFC 4648), as ssh-keygen shows it. */
  readonly fingerprint: string;
  /** Type and key, without a comment. */
  readonly text: string;
}

const CURVES: Readonly<Record<string, readonly [name: string, pointBytes: number]>> = {
  "ecdsa-sha2-nistp256": ["nistp256", 65],
  "ecdsa-sha2-nistp384": ["nistp384", 97],
  "ecdsa-sha2-nistp521": ["nistp521", 133],
};
const TYPES = ["ssh-ed25519", ...Object.keys(CURVES), "ssh-rsa"];
const MAX_CHARACTERS = 4096;
const RSA_BITS = { min: 2048, max: 16_384 };

/**
 * Reads one line of an authorized_keys file without options. The blob is looked into (RFC 4253 6.6, RFC 5656 3.1,
 * RFC 8709 4), so that what is stored is a key and of the type that it says.
 * @throws IdentityError `invalid`
 */
export function readSshKey(line: string): ParsedSshKey {
  const [type, encoded] = line.trim().split(/[ \t]+/);
  if (line.length > MAX_CHARACTERS || /[\r\n\0]/.test(line.trim())) throw invalid("one line");
  if (type === undefined || !TYPES.includes(type))
    throw invalid(`a key of type ${TYPES.join(", ")}`);
  if (encoded === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded))
    throw invalid("base64 after the type");
  const blob = Buffer.from(encoded, "base64");
  if (!isKey(type, fieldsOf(blob))) throw invalid(`a whole key of type ${type}`);
  const hash = createHash("sha256").update(blob).digest("base64").replaceAll("=", "");
  return { type, fingerprint: `SHA256:${hash}`, text: `${type} ${blob.toString("base64")}` };
}

function isKey(type: string, fields: readonly Buffer[] | undefined): boolean {
  if (!fields || fields[0]?.toString("latin1") !== type) return false;
  const [, first, second, ...rest] = fields;
  if (!first || rest.length > 0) return false;
  if (type === "ssh-ed25519") return first.length === 32 && second === undefined;
  if (!second) return false;
  if (type === "ssh-rsa") {
    const bits = bitsOf(second);
    return first.length <= 8 && bits >= RSA_BITS.min && bits <= RSA_BITS.max;
  }
  const [curve, pointBytes] = CURVES[type] ?? [];
  return first.toString("latin1") === curve && second.length === pointBytes && second[0] === 4;
}

/** The strings of a blob, each after its length in four bytes (RFC 4251 5). Undefined when it does not end with one. */
function fieldsOf(blob: Buffer): Buffer[] | undefined {
  const fields: Buffer[] = [];
  let at = 0;
  while (at < blob.length) {
    if (at + 4 > blob.length) return undefined;
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) return undefined;
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

function bitsOf(number: Buffer): number {
  const start = number.findIndex((byte) => byte !== 0);
  return start < 0 ? 0 : (number.length - start) * 8 - Math.clz32(number[start] ?? 0) + 24;
}

function invalid(expected: string): IdentityError {
  return new IdentityError("invalid", `key: expected ${expected}, as in a .pub file of ssh-keygen`);
}

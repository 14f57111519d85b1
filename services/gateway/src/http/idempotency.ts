import { createHash } from "node:crypto";
import type { GatewayParts } from "../parts.js";
import type { Wire } from "./answer.js";
import { HttpProblem, malformed } from "./problem.js";
import type { AnyRoute, Call } from "./route.js";

const KEY = /^[\x21-\x7e]{1,200}$/;

/** The id that an idempotency key stands for: the same key of the same actor is the same id, also after a crash. */
export function idOfKey(actor: string, key: string, what: string): string {
  const hash = createHash("sha256").update([actor, key, what].join("\u0000")).digest("base64url");
  return `key-${hash.slice(0, 32)}`;
}

/** The key of a request. @throws HttpProblem 400 when it cannot be one */
export function keyOf(call: Pick<Call, "header">): string | undefined {
  const key = call.header("idempotency-key");
  if (key === undefined) return undefined;
  if (!KEY.test(key)) throw malformed("must be 1 to 200 printable characters", "Idempotency-Key");
  return key;
}

/** Does a request once per idempotency key; a repeat gets the first one's answer. */
export async function once(
  parts: GatewayParts,
  call: Call<object, object, object>,
  route: AnyRoute,
  bytes: Uint8Array,
  run: () => Promise<Wire>,
): Promise<Wire> {
  const key = keyOf(call);
  if (key === undefined) return run();
  const { replies } = parts;
  const scope = `${call.actor} ${key}`;
  const request = createHash("sha256")
    .update(`${route.id} ${JSON.stringify([call.params, call.query])}\n`)
    .update(bytes)
    .digest("base64url");
  const known = await replies.begin(scope, request);
  if (known === "other") {
    throw new HttpProblem(
      "key-reused",
      "this idempotency key was used for another request; use a new key",
    );
  }
  if (known === "busy") {
    throw new HttpProblem(
      "key-busy",
      "a request with this idempotency key is under way; ask again in a few seconds",
      { headers: { "retry-after": "1" } },
    );
  }
  if (known) return { ...known, headers: { ...known.headers, "idempotent-replayed": "true" } };
  try {
    const wire = await run();
    await replies.end(scope, wire);
    return wire;
  } catch (error) {
    // What failed may be tried again with the same key: where it acted after all, the id that the key stands for
    // keeps it from acting twice.
    await replies.drop(scope);
    throw error;
  }
}

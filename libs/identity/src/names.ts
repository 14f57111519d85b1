import type { Identity } from "@outrider/contracts/acl";
import { isAgentId, SERVICES, type ServiceName } from "@outrider/contracts/ids";

/** Who somebody says to be, before the secret is looked at. */
export interface Claim {
  readonly kind: Identity["kind"];
  readonly name: string;
}

export const KINDS = ["person", "service", "agent"] as const satisfies readonly Claim["kind"][];

/** The person behind a connection without a user name, where such connections are let in. */
export const ANONYMOUS = "anonymous";

const PERSON = /^[A-Za-z0-9._@-]{1,64}$/;

/**
 * Reads a user name off the wire: `service:power`, `agent:rack-a`, `person:alice`, or `alice` for a person.
 * Undefined when it is none of these, so that nothing unvalidated is looked up, logged or made an actor.
 */
export function claimOf(username: string): Claim | undefined {
  const colon = username.indexOf(":");
  const kind = colon < 0 ? "person" : username.slice(0, colon);
  const name = username.slice(colon + 1);
  const known = KINDS.find((one) => one === kind);
  return known && isName(known, name) ? { kind: known, name } : undefined;
}

/** Whether a name may be given to an identity of this kind. */
export function isName(kind: Claim["kind"], name: string): boolean {
  switch (kind) {
    case "person":
      return PERSON.test(name) && name !== ANONYMOUS;
    case "service":
      return isService(name);
    case "agent":
      return isAgentId(name);
  }
}

function isService(name: string): name is ServiceName {
  return (SERVICES as readonly string[]).includes(name);
}

/** What names of a kind look like, for messages to people. */
export const NAME_FORMS: Readonly<Record<Claim["kind"], string>> = {
  person: `1 to 64 of A-Z a-z 0-9 . _ @ -, and not "${ANONYMOUS}"`,
  service: `one of ${SERVICES.join(", ")}`,
  agent: "lower-case letters, digits and inner hyphens, at most 63",
};

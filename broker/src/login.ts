import type { Identity } from "@outrider/contracts/acl";
import type { ConnectRefusal } from "./connack.js";
import type { CredentialStore } from "@outrider/identity/credential-store";
import { ANONYMOUS, claimOf } from "@outrider/identity/names";
import { BusyError } from "@outrider/identity/turnstile";

/** Who is let in. At least one of the two. */
export interface Admission {
  readonly credentials?: CredentialStore | undefined;
  /** Takes clients without a user name for operators, from this machine only. */
  readonly anonymous?: "loopback-operator" | undefined;
}

const LOOPBACK = new Set(["127.0.0.1", "::1"]);
/** Longest secret that is looked at; hashing costs time by length. */
const MAX_SECRET_BYTES = 1024;

/** Finds out who a client is by the user name and password of its CONNECT. */
export async function login(
  admission: Admission,
  address: string,
  username: string | undefined,
  password: Uint8Array | undefined,
): Promise<Identity | ConnectRefusal> {
  if (username === undefined || username === "") {
    if (admission.anonymous === "loopback-operator" && LOOPBACK.has(address)) {
      return { kind: "person", name: ANONYMOUS, role: "operator" };
    }
    return { reason: "no-credentials", code: "credentials", message: "a user name is needed" };
  }
  const claim = claimOf(username);
  if (!claim || !admission.credentials || (password?.byteLength ?? 0) > MAX_SECRET_BYTES) {
    return WRONG;
  }
  try {
    return (await admission.credentials.verify(claim, password ?? NO_SECRET)) ?? WRONG;
  } catch (error) {
    if (!(error instanceof BusyError)) throw error;
    return { reason: "busy", code: "busy", message: "too many log in at once; try again" };
  }
}

const NO_SECRET = new Uint8Array();

/** One answer for all, so that nobody learns which names exist. */
const WRONG: ConnectRefusal = {
  reason: "wrong-credentials",
  code: "credentials",
  message: "unknown user name or wrong password",
};

import type { IncomingHttpHeaders } from "node:http";
import type { Via } from "@outrider/contracts/power";
import type { Admitted, People } from "../people/people.js";
import { HttpProblem } from "./problem.js";
import type { Access } from "./route.js";

/** Says by which door a request came; a page cannot set it on another origin's behalf. */
export const VIA_HEADER = "outrider-via";
/** Cookies are sent only to where they came from; with TLS the name itself says so to the browser. */
export const SESSION_COOKIE = "outrider-session";
export const SECURE_SESSION_COOKIE = "__Host-outrider-session";

/** Whoever uses a public route without having signed in. */
const STRANGER: Admitted = {
  subject: { kind: "anonymous", name: "stranger", rights: [] },
  by: "anonymous",
};

/** Who a request comes from. Undefined: nobody has signed in. */
export async function admit(
  headers: IncomingHttpHeaders,
  address: string,
  people: People,
): Promise<Admitted | undefined> {
  const { authorization } = headers;
  if (authorization !== undefined) {
    const token = /^Bearer +([\x21-\x7e]{1,500})$/i.exec(authorization)?.[1];
    const admitted = token === undefined ? undefined : await people.bearer(token);
    if (!admitted) {
      throw new HttpProblem(
        "not-signed-in",
        "the token is unknown, revoked or expired; make a new one, and send it as `Authorization: Bearer …`",
      );
    }
    return admitted;
  }
  const session =
    cookie(headers.cookie, SECURE_SESSION_COOKIE) ?? cookie(headers.cookie, SESSION_COOKIE);
  const admitted = session === undefined ? undefined : await people.session(session);
  if (admitted) return admitted;
  const anonymous = people.anonymous(address);
  return anonymous && { subject: anonymous, by: "anonymous" };
}

/**
 * Whether whoever was admitted may use a route at all. Which nodes of it is asked once they are known.
 * @returns whoever it is
 * @throws HttpProblem 401, 403
 */
export function authorize(
  admitted: Admitted | undefined,
  access: Access,
  node: string | undefined,
  people: People,
): Admitted {
  if (access === "public") return admitted ?? STRANGER;
  if (!admitted) {
    throw new HttpProblem(
      "not-signed-in",
      "sign in with POST /api/v1/session, or send a token as `Authorization: Bearer …`",
    );
  }
  if (admitted.mustChangePassword && access !== "signed-in") {
    throw new HttpProblem(
      "password-expired",
      "the password is one-time; set one of your own with PUT /api/v1/session/password first",
    );
  }
  if (access === "signed-in") return admitted;
  const verdict = people.may(admitted.subject, access, node);
  if (verdict !== true) throw new HttpProblem("not-allowed", verdict);
  return admitted;
}

/**
 * Refuses what a form of a foreign page could send with the visitor's cookie: only a script of our own origin can set
 * the header.
 * @throws HttpProblem 403
 */
export function checkForgery(admitted: Admitted | undefined, headers: IncomingHttpHeaders): void {
  if (admitted?.by !== "session" || headers[VIA_HEADER] !== undefined) return;
  throw new HttpProblem(
    "foreign-origin",
    `whoever is signed in by a cookie sends the header ${VIA_HEADER} with every change`,
  );
}

export function viaOf(headers: IncomingHttpHeaders): Via {
  const said = headers[VIA_HEADER];
  return said === "web" || said === "cli" ? said : "rest";
}

export function cookie(header: string | undefined, name: string): string | undefined {
  for (const one of header?.split(";") ?? []) {
    const at = one.indexOf("=");
    if (at > 0 && one.slice(0, at).trim() === name) return one.slice(at + 1).trim();
  }
  return undefined;
}

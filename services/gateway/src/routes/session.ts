import { IsBoolean } from "class-validator";
import { ListOf, OneOf, Optional, Text, Timestamp, WordList } from "@outrider/contracts/decorators";
import { ID_PATTERN } from "@outrider/contracts/ids";
import { RIGHTS, ROLES, type Right, type Role } from "@outrider/contracts/identity";
import { SECURE_SESSION_COOKIE, SESSION_COOKIE } from "../http/admission.js";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import type { Admitted } from "../people/people.js";
import { PersonName } from "./person-name.js";

export class SignIn {
  @PersonName() name!: string;
  @Text(1000) password!: string;
}

export class PasswordChange {
  /** The present one. */
  @Text(1000) old!: string;
  @Text(1000) new!: string;
}

/** Who is signed in. */
export class SessionView {
  @OneOf(["person", "service", "agent", "anonymous"]) kind!: Admitted["subject"]["kind"];
  @Text(100) name!: string;
  @OneOf(["token", "session", "anonymous"]) by!: Admitted["by"];
  @Optional() @OneOf(ROLES) role?: Role;
  @WordList(RIGHTS) rights!: Right[];
  /** The only nodes that are seen. Missing: all. */
  @Optional() @ListOf(ID_PATTERN, 100_000) nodes?: string[];
  /** Nothing else is served until the password was changed. */
  @IsBoolean() mustChangePassword!: boolean;
  @Optional() @Timestamp() expiresAt?: string;
}

function viewOf({ subject, by, mustChangePassword }: Admitted): SessionView {
  const { kind, name, role, rights, nodes } = subject;
  return {
    kind,
    name,
    by,
    ...(role ? { role } : {}),
    rights: [...rights],
    ...(nodes ? { nodes: [...nodes] } : {}),
    mustChangePassword: mustChangePassword ?? false,
  };
}

function cookieOf(secret: string, secure: boolean, maxAgeSeconds?: number): string {
  return [
    `${secure ? SECURE_SESSION_COOKIE : SESSION_COOKIE}=${secret}`,
    "Path=/",
    "HttpOnly",
    "SameSite=Strict",
    ...(secure ? ["Secure"] : []),
    ...(maxAgeSeconds === undefined ? [] : [`Max-Age=${maxAgeSeconds}`]),
  ].join("; ");
}

async function signIn(
  call: Call<object, object, SignIn>,
  { people, audit }: GatewayParts,
): Promise<Answer<SessionView>> {
  const { name, password } = call.body;
  const entry = { actor: `person:${name}`, via: call.via, act: "session.sign-in", subject: name };
  try {
    const signedIn = await people.signIn(name, password, call.address, call.signal);
    await audit.append({ ...entry, stage: "outcome", data: { address: call.address } });
    return {
      body: { ...viewOf(signedIn), expiresAt: signedIn.expiresAt },
      headers: { "set-cookie": cookieOf(signedIn.secret, call.secure) },
    };
  } catch (error) {
    if (error instanceof HttpProblem && error.code === "sign-in-failed") {
      const data = { address: call.address, refused: true };
      await audit.append({ ...entry, actor: "person:anonymous", stage: "outcome", data });
    }
    throw error;
  }
}

async function changePassword(
  call: Call<object, object, PasswordChange>,
  { people, audit }: GatewayParts,
): Promise<Answer> {
  const { subject, actor, via, body } = call;
  if (subject.kind !== "person" || call.admitted.by !== "session") {
    throw new HttpProblem(
      "not-allowed",
      "whoever signed in with a password changes it; sign in first",
    );
  }
  await audit.append({ actor, via, act: "user.change-password", subject: subject.name });
  const { name } = subject;
  const signedIn = await people.changePassword(name, body.old, body.new, call.address, call.signal);
  return { headers: { "set-cookie": cookieOf(signedIn.secret, call.secure) } };
}

export const SESSION_ROUTES = [
  route({
    method: "POST",
    path: "/session",
    id: "signIn",
    tag: "session",
    summary: "Signs in with name and password; a cookie holds the session.",
    right: "public",
    body: SignIn,
    reply: SessionView,
    statuses: { 201: "Signed in." },
    problems: [401, 422, 429, 503, 507],
    handle: signIn,
  }),
  route({
    method: "GET",
    path: "/session",
    id: "getSession",
    tag: "session",
    summary: "Who is signed in, and what they may.",
    right: "signed-in",
    reply: SessionView,
    statuses: { 200: "Whoever asks." },
    handle: ({ admitted }) => ({ body: viewOf(admitted) }),
  }),
  route({
    method: "DELETE",
    path: "/session",
    id: "signOut",
    tag: "session",
    summary: "Ends the browser's session.",
    right: "public",
    statuses: { 204: "Nobody is signed in any more." },
    problems: [503, 507],
    handle: async ({ admitted, actor, via, secure, subject }, { people, audit }) => {
      if (admitted.by === "session" && admitted.secret !== undefined) {
        await audit.append({ actor, via, act: "session.sign-out", subject: subject.name });
        await people.signOut(admitted.secret);
      }
      return { headers: { "set-cookie": cookieOf("", secure, 0) } };
    },
  }),
  route({
    method: "PUT",
    path: "/session/password",
    id: "changePassword",
    tag: "session",
    summary: "Changes one's own password.",
    right: "signed-in",
    body: PasswordChange,
    statuses: { 204: "The new password counts from now on." },
    problems: [422, 429, 503, 507],
    handle: changePassword,
  }),
];

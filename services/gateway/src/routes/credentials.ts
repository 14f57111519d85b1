import {
  Integer,
  NestedList,
  Optional,
  Text,
  Timestamp,
  WordList,
} from "@outrider/contracts/decorators";
import { RIGHTS, type Right } from "@outrider/contracts/identity";
import { rightsOf, SITE_RIGHTS } from "@outrider/identity/subject";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { PersonName } from "./person-name.js";
import { UserParams } from "./users.js";

/** What a person shows in the place of a password: tokens, keys, sessions. One's own, or with the right `identity`. */

const CREDENTIAL_ID = 100;
const DAY_MS = 86_400_000;

export class CredentialParams {
  @PersonName() user!: string;
  @Text(CREDENTIAL_ID) id!: string;
}

export class TokenView {
  @Text(CREDENTIAL_ID) id!: string;
  @Text(200) name!: string;
  @WordList(RIGHTS) rights!: Right[];
  @Timestamp() createdAt!: string;
  @Optional() @Timestamp() expiresAt?: string;
  @Optional() @Timestamp() lastUsedAt?: string;
}

export class TokenList {
  @NestedList(() => TokenView, 1000) tokens!: TokenView[];
}

export class NewToken {
  @Text(200) name!: string;
  /** Default: all that its person has, as far as its maker has them too. */
  @Optional() @WordList(RIGHTS) rights?: Right[];
  /** Default: for ever. */
  @Optional() @Integer(1, 3650) days?: number;
}

/** A token as it is shown once. */
export class IssuedToken {
  @Text(CREDENTIAL_ID) id!: string;
  /** Sent as `Authorization: Bearer …`. It cannot be shown again. */
  @Text(500) token!: string;
}

export class KeyView {
  @Text(CREDENTIAL_ID) id!: string;
  @Text(200) name!: string;
  @Text(100) type!: string;
  @Text(200) fingerprint!: string;
  @Timestamp() addedAt!: string;
}

export class KeyList {
  @NestedList(() => KeyView, 1000) keys!: KeyView[];
}

export class NewKey {
  @Text(200) name!: string;
  /** A line of `authorized_keys`: `ssh-ed25519 AAAA… comment`. */
  @Text(8000) key!: string;
}

export class BrowserSessionView {
  @Text(CREDENTIAL_ID) id!: string;
  @Timestamp() createdAt!: string;
  @Timestamp() lastUsedAt!: string;
  @Timestamp() expiresAt!: string;
  @Text(100) address!: string;
}

export class BrowserSessionList {
  @NestedList(() => BrowserSessionView, 1000) sessions!: BrowserSessionView[];
}

/** @throws HttpProblem 403 unless it is one's own, or one has the right */
function checkOwner(
  { subject }: Pick<Call, "subject">,
  user: string,
  { people }: Pick<GatewayParts, "people">,
): void {
  if (subject.kind === "person" && subject.name === user) return;
  const verdict = people.may(subject, "identity");
  if (verdict !== true) throw new HttpProblem("not-allowed", verdict);
}

/** What a token can do where nobody says: all that its person can, and no more than its maker. */
async function defaultRights(
  { params, subject }: Pick<Call<UserParams>, "params" | "subject">,
  { people }: Pick<GatewayParts, "people">,
): Promise<Right[]> {
  const { role, rights, nodes } = await people.get(params.user);
  const has = rightsOf(role, rights);
  return has.filter(
    (right) => subject.rights.includes(right) && !(nodes !== undefined && SITE_RIGHTS.has(right)),
  );
}

async function createToken(
  call: Call<UserParams, object, NewToken>,
  parts: GatewayParts,
): Promise<Answer<IssuedToken>> {
  const { params, subject, actor, via, body } = call;
  checkOwner(call, params.user, parts);
  const rights = body.rights ?? (await defaultRights(call, parts));
  // A token can do no more than whoever made it, so that a token cannot make itself a stronger one.
  const beyond = rights.filter((right) => !subject.rights.includes(right));
  if (beyond.length > 0) {
    throw new HttpProblem(
      "not-allowed",
      `whoever makes a token cannot give it ${beyond.join(", ")}`,
      {
        field: "rights",
      },
    );
  }
  const expiresAt =
    body.days === undefined
      ? undefined
      : new Date(parts.clock.now().getTime() + body.days * DAY_MS).toISOString();
  const data = { name: body.name, rights, expiresAt: expiresAt ?? null };
  await parts.audit.append({ actor, via, act: "token.create", subject: params.user, data });
  const { token, secret } = await parts.people.createToken(params.user, {
    name: body.name,
    rights,
    expiresAt,
  });
  return { body: { id: token.id, token: secret } };
}

const PROBLEMS = [404, 409, 422, 503, 507];
const common = { tag: "users", right: "signed-in" } as const;

/** Lists what a user has. */
async function listed<T>(
  call: Call<UserParams>,
  parts: GatewayParts,
  list: (user: string) => Promise<T>,
): Promise<T> {
  checkOwner(call, call.params.user, parts);
  return list(call.params.user);
}

/** Takes something from a user. */
async function taken(
  call: Call<CredentialParams>,
  parts: GatewayParts,
  act: string,
  take: (user: string, id: string) => Promise<void>,
): Promise<Answer> {
  const { params, actor, via } = call;
  checkOwner(call, params.user, parts);
  await parts.audit.append({ actor, via, act, subject: params.user, data: { id: params.id } });
  await take(params.user, params.id);
  return {};
}

export const CREDENTIAL_ROUTES = [
  route({
    ...common,
    method: "GET",
    path: "/users/{user}/tokens",
    id: "listTokens",
    summary: "The API tokens of a user, without their secrets.",
    params: UserParams,
    reply: TokenList,
    statuses: { 200: "All tokens." },
    problems: [404, 503],
    handle: async (call: Call<UserParams>, parts) => ({
      body: {
        tokens: (await listed(call, parts, (user) => parts.people.tokens(user))) as TokenView[],
      },
    }),
  }),
  route({
    ...common,
    method: "POST",
    path: "/users/{user}/tokens",
    id: "createToken",
    summary: "Makes an API token, which is shown this once.",
    params: UserParams,
    body: NewToken,
    reply: IssuedToken,
    statuses: { 201: "The token." },
    problems: PROBLEMS,
    handle: createToken,
  }),
  route({
    ...common,
    method: "DELETE",
    path: "/users/{user}/tokens/{id}",
    id: "revokeToken",
    summary: "Revokes an API token.",
    params: CredentialParams,
    statuses: { 204: "It counts no more." },
    problems: PROBLEMS,
    handle: (call: Call<CredentialParams>, parts) =>
      taken(call, parts, "token.revoke", (user, id) => parts.people.revokeToken(user, id)),
  }),
  route({
    ...common,
    method: "GET",
    path: "/users/{user}/keys",
    id: "listKeys",
    summary: "The SSH keys of a user.",
    params: UserParams,
    reply: KeyList,
    statuses: { 200: "All keys." },
    problems: [404, 503],
    handle: async (call: Call<UserParams>, parts) => ({
      body: { keys: (await listed(call, parts, (user) => parts.people.keys(user))) as KeyView[] },
    }),
  }),
  route({
    ...common,
    method: "POST",
    path: "/users/{user}/keys",
    id: "addKey",
    summary: "Adds an SSH key.",
    params: UserParams,
    body: NewKey,
    reply: KeyView,
    statuses: { 201: "The key." },
    problems: PROBLEMS,
    handle: async (call: Call<UserParams, object, NewKey>, parts) => {
      const { params, actor, via, body } = call;
      checkOwner(call, params.user, parts);
      const data = { name: body.name };
      await parts.audit.append({ actor, via, act: "key.add", subject: params.user, data });
      return { body: await parts.people.addKey(params.user, { name: body.name, text: body.key }) };
    },
  }),
  route({
    ...common,
    method: "DELETE",
    path: "/users/{user}/keys/{id}",
    id: "removeKey",
    summary: "Removes an SSH key.",
    params: CredentialParams,
    statuses: { 204: "It counts no more." },
    problems: PROBLEMS,
    handle: (call: Call<CredentialParams>, parts) =>
      taken(call, parts, "key.remove", (user, id) => parts.people.removeKey(user, id)),
  }),
  route({
    ...common,
    method: "GET",
    path: "/users/{user}/sessions",
    id: "listSessions",
    summary: "Where a user is signed in.",
    params: UserParams,
    reply: BrowserSessionList,
    statuses: { 200: "All sessions." },
    problems: [404, 503],
    handle: async (call: Call<UserParams>, parts) => ({
      body: {
        sessions: await listed(call, parts, (user) => parts.people.sessions(user)),
      },
    }),
  }),
  route({
    ...common,
    method: "DELETE",
    path: "/users/{user}/sessions/{id}",
    id: "revokeSession",
    summary: "Ends a session of a user.",
    params: CredentialParams,
    statuses: { 204: "It counts no more." },
    problems: PROBLEMS,
    handle: (call: Call<CredentialParams>, parts) =>
      taken(call, parts, "session.revoke", (user, id) => parts.people.revokeSession(user, id)),
  }),
];

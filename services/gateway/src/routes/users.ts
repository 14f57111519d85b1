import { IsBoolean } from "class-validator";
import { NestedList, OneOf, Optional, Text, WordList } from "@outrider/contracts/decorators";
import { RIGHTS, ROLES, type Right, type Role } from "@outrider/contracts/identity";
import { SITE_RIGHTS } from "@outrider/identity/subject";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import type { Person } from "@outrider/identity/snapshot";
import { PersonName } from "./person-name.js";

export class UserParams {
  @PersonName() user!: string;
}

/** Somebody who can sign in. */
export class User {
  @PersonName() name!: string;
  @Text(200) displayName!: string;
  @OneOf(ROLES) role!: Role;
  /** Beside those of the role. */
  @WordList(RIGHTS) rights!: Right[];
  /** Folded ids of the only nodes that the user may see and touch. Missing: all. */
  @Optional() @Text(32_000) nodes?: string;
  @IsBoolean() disabled!: boolean;
  /** Has a one-time password. */
  @IsBoolean() mustChangePassword!: boolean;
}

export class UserList {
  @NestedList(() => User, 10_000) users!: User[];
}

export class NewUser {
  @PersonName() name!: string;
  @Optional() @Text(200) displayName?: string;
  @OneOf(ROLES) role!: Role;
  @Optional() @WordList(RIGHTS) rights?: Right[];
  @Optional() @Text(32_000) nodes?: string;
}

export class UserChange {
  @Optional() @Text(200) displayName?: string;
  @Optional() @OneOf(ROLES) role?: Role;
  @Optional() @WordList(RIGHTS) rights?: Right[];
  /** Empty: all nodes. */
  @Optional() @Text(32_000) nodes?: string;
  @Optional() @IsBoolean() disabled?: boolean;
}

/** A password that must be changed at the first sign-in. It cannot be shown again. */
export class OneTimePassword {
  @PersonName() name!: string;
  @Text(200) password!: string;
}

export function userOf({ nodes, ...person }: Person): User {
  return { ...person, rights: [...person.rights], ...(nodes === undefined ? {} : { nodes }) };
}

const PROBLEMS = [404, 409, 422, 503, 507];

/**
 * That nothing is granted that could never be used: rights about the whole site, to somebody who is bound to nodes.
 * @throws HttpProblem 422
 */
function checkGrant({ role, rights, nodes }: Pick<Person, "role" | "rights" | "nodes">): void {
  if (nodes === undefined || nodes === "") return;
  const idle = rights.filter((right) => SITE_RIGHTS.has(right));
  if (idle.length > 0) {
    throw new HttpProblem(
      "invalid",
      `${idle.join(", ")} cannot be granted to somebody who is bound to nodes: ${[...SITE_RIGHTS].join(", ")} are about the whole site; leave them out, or take the bound away`,
      { field: "rights" },
    );
  }
  if (role === "administrator") {
    throw new HttpProblem(
      "invalid",
      `an administrator cannot be bound to nodes: ${[...SITE_RIGHTS].join(", ")} are about the whole site; make it an operator with the rights override and lock-break`,
      { field: "role" },
    );
  }
}

/** As {@link checkGrant}, for what a person would have after a change. */
async function checkChange(
  user: string,
  { role, rights, nodes }: UserChange,
  { people }: Pick<GatewayParts, "people">,
): Promise<void> {
  // Who has had such a right for long can still be renamed or disabled.
  if (role === undefined && rights === undefined && nodes === undefined) return;
  const now = await people.get(user);
  checkGrant({
    role: role ?? now.role,
    rights: rights ?? now.rights,
    nodes: nodes ?? now.nodes,
  });
}

async function create(
  call: Call<object, object, NewUser>,
  { people, audit }: GatewayParts,
): Promise<Answer<OneTimePassword>> {
  const { actor, via, body } = call;
  const { name, displayName = name, role, rights = [], nodes } = body;
  checkGrant({ role, rights, nodes });
  await audit.append({
    actor,
    via,
    act: "user.create",
    subject: name,
    data: { role, rights, nodes: nodes ?? null },
  });
  const { password } = await people.create({ name, displayName, role, rights, nodes });
  return { body: { name, password }, headers: { location: `/api/v1/users/${name}` } };
}

export const USER_ROUTES = [
  route({
    method: "GET",
    path: "/users",
    id: "listUsers",
    tag: "users",
    summary: "Everybody who can sign in.",
    right: "identity",
    reply: UserList,
    statuses: { 200: "All users." },
    problems: [503],
    handle: async (_call, { people }) => ({ body: { users: (await people.list()).map(userOf) } }),
  }),
  route({
    method: "POST",
    path: "/users",
    id: "createUser",
    tag: "users",
    summary: "Adds a user, who gets a one-time password.",
    right: "identity",
    body: NewUser,
    reply: OneTimePassword,
    statuses: { 201: "The user is there." },
    problems: PROBLEMS,
    handle: create,
  }),
  route({
    method: "GET",
    path: "/users/{user}",
    id: "getUser",
    tag: "users",
    summary: "One user.",
    right: "identity",
    params: UserParams,
    reply: User,
    statuses: { 200: "The user." },
    problems: [404, 503],
    handle: async ({ params }: Call<UserParams>, { people }) => ({
      body: userOf(await people.get(params.user)),
    }),
  }),
  route({
    method: "PUT",
    path: "/users/{user}",
    id: "changeUser",
    tag: "users",
    summary: "Changes what is given of a user. What the user has open follows within seconds.",
    right: "identity",
    params: UserParams,
    body: UserChange,
    reply: User,
    statuses: { 200: "The user as it is now." },
    problems: PROBLEMS,
    handle: async (
      { params, body, actor, via }: Call<UserParams, object, UserChange>,
      { people, audit },
    ) => {
      await checkChange(params.user, body, { people });
      await audit.append({
        actor,
        via,
        act: "user.change",
        subject: params.user,
        data: { ...body },
      });
      return { body: userOf(await people.change(params.user, body)) };
    },
  }),
  route({
    method: "DELETE",
    path: "/users/{user}",
    id: "removeUser",
    tag: "users",
    summary: "Removes a user with all tokens, keys and sessions.",
    right: "identity",
    params: UserParams,
    statuses: { 204: "The user is gone." },
    problems: PROBLEMS,
    handle: async ({ params, actor, via }: Call<UserParams>, { people, audit }) => {
      await audit.append({ actor, via, act: "user.remove", subject: params.user });
      await people.remove(params.user);
      return {};
    },
  }),
  route({
    method: "POST",
    path: "/users/{user}/password",
    id: "resetPassword",
    tag: "users",
    summary: "Replaces a user's password by a one-time one, and ends the user's sessions.",
    right: "identity",
    params: UserParams,
    reply: OneTimePassword,
    statuses: { 201: "The one-time password, shown this once." },
    problems: PROBLEMS,
    handle: async ({ params, actor, via }: Call<UserParams>, { people, audit }) => {
      await audit.append({ actor, via, act: "user.reset-password", subject: params.user });
      return { body: { name: params.user, password: await people.resetPassword(params.user) } };
    },
  }),
];

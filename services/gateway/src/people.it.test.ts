import { eventually } from "@outrider/testing/eventually";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AnyRoute } from "./http/route.js";
import { ROUTES } from "./routes/table.js";
import { openDoor, type Door } from "./testing/door.js";
import { openSse } from "./testing/sse-client.js";

const PASSWORD = "correct horse battery staple";
const WEB = { "outrider-via": "web" };

let door: Door;
/** Cookie of the administrator. */
let admin: string;
/** How often somebody came whom nobody knows. */
let refusals = 0;
/** Everything secret that was ever shown. */
const secrets: string[] = [PASSWORD];

interface Problem {
  readonly code: string;
  readonly detail: string;
}

const problemOf = async (reply: Response): Promise<Problem> => (await reply.json()) as Problem;

function cookieOf(reply: Response): string {
  const [cookie = ""] = reply.headers.getSetCookie();
  return cookie.split(";", 1)[0] ?? "";
}

async function signIn(name: string, password: string): Promise<Response> {
  return door.ask("POST", "/session", { body: { name, password } });
}

/** Makes a user who has chosen a password. @returns the cookie */
async function user(name: string, more: object): Promise<string> {
  const headers = { cookie: admin, ...WEB };
  // Whom a try before has left.
  await door.ask("DELETE", `/users/${name}`, { headers });
  const made = await door.ask("POST", "/users", { body: { name, ...more }, headers });
  expect(made.status).toBe(201);
  const { password } = (await made.json()) as { password: string };
  secrets.push(password);
  const cookie = cookieOf(await signIn(name, password));
  const changed = await door.ask("PUT", "/session/password", {
    body: { old: password, new: PASSWORD },
    headers: { cookie, ...WEB },
  });
  expect(changed.status).toBe(204);
  return cookieOf(changed);
}

async function token(name: string, cookie: string, more: object = {}): Promise<string> {
  const made = await door.ask("POST", `/users/${name}/tokens`, {
    body: { name: "test", ...more },
    headers: { cookie, ...WEB },
  });
  expect({ status: made.status }).toEqual({ status: 201 });
  const issued = (await made.json()) as { token: string };
  secrets.push(issued.token);
  return issued.token;
}

beforeAll(async () => {
  door = await openDoor();
});

afterAll(() => door?.[Symbol.asyncDispose]());

describe("the first administrator", () => {
  it("signs in with the one-time password, and may do nothing before it is changed", async ({
    task,
  }) => {
    // A one-time password opens a door once: another try has another one.
    if ((task.result?.retryCount ?? 0) > 0) {
      await door[Symbol.asyncDispose]();
      door = await openDoor();
    }
    const first = door.gateway.firstAdministrator;
    expect(first?.name).toBe("admin");
    const file = first?.passwordFile ?? "";
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const password = (await readFile(file, "utf8")).trim();
    secrets.push(password);
    const reply = await signIn("admin", password);
    expect(reply.status).toBe(201);
    expect(reply.headers.getSetCookie()[0]).toMatch(/; HttpOnly; SameSite=Strict$/);
    expect(await reply.json()).toMatchObject({ name: "admin", mustChangePassword: true });
    const cookie = cookieOf(reply);
    const refused = await door.ask("GET", "/nodes", { headers: { cookie } });
    expect((await problemOf(refused)).code).toBe("password-expired");
    const body = { old: password, new: PASSWORD };
    const changed = await door.ask("PUT", "/session/password", {
      body,
      headers: { cookie, ...WEB },
    });
    expect(changed.status).toBe(204);
    admin = cookieOf(changed);
    expect((await door.ask("GET", "/nodes", { headers: { cookie } })).status).toBe(401);
    expect((await door.ask("GET", "/nodes", { headers: { cookie: admin } })).status).toBe(200);
  });

  it("is not told whether it was the name or the password that was wrong", async () => {
    refusals += 1;
    const [name, password] = await Promise.all([
      signIn("nobody", PASSWORD),
      signIn("admin", "wrong"),
    ]);
    expect([name.status, password.status]).toEqual([401, 401]);
    expect((await problemOf(name)).detail).toBe((await problemOf(password)).detail);
  });
});

/** A path of a route with values that have the right shape. */
function pathOf({ path, method }: AnyRoute): string {
  const values: Record<string, string> = {
    node: "n1",
    user: "somebody",
    code: "busy",
    agent: "a",
    service: "power",
  };
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "x1");
  return method === "GET" && path === "/audit" ? `${filled}?log=gateway` : filled;
}

describe("every route", () => {
  const guarded = ROUTES.filter(({ right }) => right !== "public");

  it("asks who it is", async () => {
    const statuses = await Promise.all(
      guarded.map(async (route) => [
        route.id,
        (await door.ask(route.method, pathOf(route))).status,
      ]),
    );
    expect(statuses).toEqual(guarded.map(({ id }) => [id, 401]));
  });

  it("lets a viewer see and change nothing", async () => {
    const headers = {
      authorization: `Bearer ${await token("viewer", await user("viewer", { role: "viewer" }))}`,
    };
    const beyond = guarded.filter(({ right }) => right !== "read" && right !== "signed-in");
    expect(beyond.filter(({ method }) => method !== "GET").length).toBeGreaterThan(12);
    const statuses = await Promise.all(
      beyond.map(async (route) => [
        route.id,
        (await door.ask(route.method, pathOf(route), { headers })).status,
      ]),
    );
    expect(statuses).toEqual(beyond.map(({ id }) => [id, 403]));
  });

  it("lets a viewer see nothing of other people's credentials", async () => {
    const cookie = cookieOf(await signIn("viewer", PASSWORD));
    const owned = guarded.filter(
      ({ path }) => path.startsWith("/users/{user}/") && path !== "/users/{user}/password",
    );
    expect(owned.length).toBeGreaterThan(6);
    for (const route of owned) {
      const body =
        route.id === "createToken"
          ? { name: "x" }
          : route.id === "addKey"
            ? { name: "x", key: "x" }
            : undefined;
      const reply = await door.ask(route.method, pathOf(route), {
        headers: { cookie, ...WEB },
        ...(body ? { body } : {}),
      });
      expect([route.id, reply.status]).toEqual([route.id, 403]);
    }
  });

  it("lets an operator of some nodes act on those alone", async () => {
    const cookie = await user("scoped", { role: "operator", nodes: "n[1-2]" });
    const ask = async (node: string): Promise<string> =>
      (
        await problemOf(
          await door.ask("POST", `/nodes/${node}/power`, {
            body: { action: "On" },
            headers: { cookie, ...WEB },
          }),
        )
      ).code;
    // There is no such node at all; but only of one's own is one told so.
    expect(await ask("n1")).toBe("unknown-node");
    expect(await ask("n3")).toBe("not-allowed");
  });
});

describe("a cookie", () => {
  it.each([
    ["without the header that only our page can set", {}],
    ["from a page of another origin", { ...WEB, origin: "http://evil.example" }],
    ["as a cross-site request", { ...WEB, "sec-fetch-site": "cross-site" }],
  ])("changes nothing %s", async (_, headers) => {
    const reply = await door.ask("DELETE", "/users/viewer", {
      headers: { cookie: admin, ...headers },
    });
    expect([reply.status, (await problemOf(reply)).code]).toEqual([403, "foreign-origin"]);
  });

  it("opens no WebSocket and counts no more after signing out", async () => {
    const cookie = cookieOf(await signIn("viewer", PASSWORD));
    expect((await door.ask("GET", "/session", { headers: { cookie } })).status).toBe(200);
    const out = await door.ask("DELETE", "/session", { headers: { cookie, ...WEB } });
    expect(out.status).toBe(204);
    expect(out.headers.getSetCookie()[0]).toContain("Max-Age=0");
    expect((await door.ask("GET", "/session", { headers: { cookie } })).status).toBe(401);
  });
});

describe("a token", () => {
  it("can do what it was given and no more, and cannot make a stronger one", async () => {
    const weak = await token("admin", admin, { rights: ["read"] });
    const headers = { authorization: `Bearer ${weak}` };
    expect((await door.ask("GET", "/nodes", { headers })).status).toBe(200);
    expect((await door.ask("GET", "/users", { headers })).status).toBe(403);
    const stronger = { name: "stronger", rights: ["read", "identity"] };
    const made = await door.ask("POST", "/users/admin/tokens", { body: stronger, headers });
    expect(made.status).toBe(403);
  });

  it("that is revoked counts no more, and what it had open is cut off", async () => {
    const short = await token("viewer", cookieOf(await signIn("viewer", PASSWORD)));
    const headers = { authorization: `Bearer ${short}` };
    await using live = await openSse(`${door.gateway.url}/api/v1/events`, headers);
    await live.next(({ event }) => event === "snapshot-end");
    const [, id = ""] = short.split("_");
    const gone = await door.ask("DELETE", `/users/viewer/tokens/${id}`, {
      headers: { cookie: admin, ...WEB },
    });
    expect(gone.status).toBe(204);
    expect((await door.ask("GET", "/nodes", { headers })).status).toBe(401);
    await expect(live.next(() => false)).rejects.toThrow(/terminated|ended/);
  });
});

describe("P18, P20", () => {
  it("no secret is shown twice, logged, audited or stored as it is", async () => {
    const headers = { cookie: admin };
    const shown = await Promise.all(
      [
        "/users",
        "/users/admin",
        "/users/admin/tokens",
        "/users/viewer/sessions",
        "/audit?log=gateway&limit=100",
      ].map(async (path) => (await door.ask("GET", path, { headers })).text()),
    );
    const stored: string[] = [];
    for (const file of await readdir(door.data, { recursive: true, withFileTypes: true })) {
      // What stands in `secrets/` is there to be read by the owner of the deployment, and nobody else.
      if (file.isFile() && !file.parentPath.endsWith("/secrets"))
        stored.push(await readFile(join(file.parentPath, file.name), "latin1"));
    }
    expect(shown[0]).toContain("viewer");
    const all = [...shown, ...stored].join("\n");
    expect(all).toContain("user.create");
    expect(secrets.length).toBeGreaterThan(5);
    expect(secrets.filter((secret) => all.includes(secret))).toEqual([]);
    expect(all).not.toMatch(/"hash":"\$argon2/);
  });

  it("who was made, changed and refused stands in the audit log, which holds", async () => {
    const headers = { cookie: admin };
    const reply = await door.ask("GET", "/audit?log=gateway&act=user.create", { headers });
    expect(await reply.json()).toMatchObject({
      records: expect.arrayContaining([
        expect.objectContaining({ actor: "person:admin", subject: "scoped", stage: "intent" }),
      ]) as unknown[],
    });
    const refused = await door.ask("GET", "/audit?log=gateway&act=session.sign-in&subject=nobody", {
      headers,
    });
    expect(await refused.json()).toMatchObject({
      records: Array.from({ length: refusals }, () => ({
        actor: "person:anonymous",
        data: { refused: true },
      })),
    });
    await eventually(
      "the log is whole",
      async () => {
        const verdicts = (await (await door.ask("GET", "/audit/verdicts", { headers })).json()) as {
          logs: { log: string; verdict?: { intact: boolean }[] }[];
        };
        return verdicts.logs.find(({ log }) => log === "gateway")?.verdict?.[0]?.intact;
      },
      { withinMs: 60_000 },
    );
  });
});

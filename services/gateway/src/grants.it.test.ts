import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDoor, type Door } from "./testing/door.js";

const PASSWORD = "correct horse battery staple";
const WEB = { "outrider-via": "web" };

let door: Door;
/** Cookie of the administrator. */
let admin: string;

function cookieOf(reply: Response): string {
  const [cookie = ""] = reply.headers.getSetCookie();
  return cookie.split(";", 1)[0] ?? "";
}

async function chosenPassword(name: string, password: string): Promise<string> {
  const signedIn = await door.ask("POST", "/session", { body: { name, password } });
  const changed = await door.ask("PUT", "/session/password", {
    body: { old: password, new: PASSWORD },
    headers: { cookie: cookieOf(signedIn), ...WEB },
  });
  expect(changed.status).toBe(204);
  return cookieOf(changed);
}

interface Said {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function ask(method: string, path: string, body?: object, cookie = admin): Promise<Said> {
  const headers = { cookie, ...WEB };
  const reply = await door.ask(method, path, { headers, ...(body ? { body } : {}) });
  const text = await reply.text();
  return { status: reply.status, body: (text ? JSON.parse(text) : {}) as Said["body"] };
}

async function user(name: string, more: object): Promise<string> {
  // Whom a try before has left.
  await ask("DELETE", `/users/${name}`);
  const made = await ask("POST", "/users", { name, ...more });
  expect(made.status).toBe(201);
  return chosenPassword(name, String(made.body["password"]));
}

beforeAll(async () => {
  door = await openDoor();
  const { name = "", passwordFile = "" } = door.gateway.firstAdministrator ?? {};
  admin = await chosenPassword(name, (await readFile(passwordFile, "utf8")).trim());
});

afterAll(() => door?.[Symbol.asyncDispose]());

describe("leaving out drain hooks", () => {
  const order = { action: "ForceOff", nodes: "n1", skipDrain: true, reason: "fire" };

  it.each(["/power", "/power/plan"])("at %s needs the right override", async (path) => {
    const cookie = await user(`operator${path.length}`, { role: "operator" });
    const refused = await ask("POST", path, order, cookie);
    expect(refused).toMatchObject({
      status: 403,
      body: { code: "not-allowed", field: "skipDrain" },
    });
    expect(refused.body["detail"]).toContain("the right override");
    // Without it the very same order gets as far as that there is no such node.
    const { skipDrain: _, ...plain } = order;
    expect((await ask("POST", path, plain, cookie)).status).toBe(422);
  });

  it("needs a reason, and goes on where there is one", async () => {
    const { reason: _, ...mute } = order;
    expect(await ask("POST", "/power", { ...mute, reason: " " })).toMatchObject({
      status: 422,
      body: { field: "reason" },
    });
    expect((await ask("POST", "/power", mute)).body["field"]).toBe("reason");
    expect((await ask("POST", "/power", order)).body["field"]).toBe("nodes");
  });
});

describe("a token for somebody else", () => {
  const rightsOfToken = async (name: string): Promise<unknown> => {
    const { body } = await ask("GET", `/users/${name}/tokens`);
    return (body["tokens"] as { rights: unknown }[])[0]?.rights;
  };

  it("has the rights of whom it is for, where none are named", async () => {
    await user("anna", { role: "viewer", rights: ["power"] });
    expect((await ask("POST", "/users/anna/tokens", { name: "t" })).status).toBe(201);
    expect(await rightsOfToken("anna")).toEqual(["read", "power"]);
  });

  it("has no more than its maker has", async () => {
    const cookie = await user("clerk", { role: "viewer", rights: ["identity"] });
    await user("otto", { role: "operator" });
    expect((await ask("POST", "/users/otto/tokens", { name: "t" }, cookie)).status).toBe(201);
    expect(await rightsOfToken("otto")).toEqual(["read"]);
  });

  it("is not made for nobody", async () => {
    expect((await ask("POST", "/users/nobody/tokens", { name: "t" })).status).toBe(404);
  });
});

describe("a right that could never be used", () => {
  const bound = { role: "operator", nodes: "n[1-2]" };

  it("is not granted to a new person who is bound to nodes", async () => {
    const refused = await ask("POST", "/users", { ...bound, name: "new", rights: ["audit"] });
    expect(refused).toMatchObject({ status: 422, body: { field: "rights" } });
    expect(refused.body["detail"]).toContain("audit cannot be granted");
    const chief = await ask("POST", "/users", { ...bound, name: "new", role: "administrator" });
    expect(chief).toMatchObject({ status: 422, body: { field: "role" } });
    expect((await ask("GET", "/users/new")).status).toBe(404);
  });

  it("is not granted by a change either, from whichever side it comes", async () => {
    await user("ben", { ...bound, rights: ["override"] });
    await user("eve", { role: "viewer", rights: ["audit"] });
    expect((await ask("PUT", "/users/ben", { rights: ["identity"] })).status).toBe(422);
    expect((await ask("PUT", "/users/ben", { role: "administrator" })).status).toBe(422);
    expect((await ask("PUT", "/users/eve", { nodes: "n1" })).status).toBe(422);
    // Both at once are no contradiction, nor is what has nothing to do with it.
    expect((await ask("PUT", "/users/ben", { rights: ["audit"], nodes: "" })).status).toBe(200);
    expect((await ask("PUT", "/users/eve", { nodes: "n1", rights: [] })).status).toBe(200);
    expect((await ask("PUT", "/users/eve", { disabled: true })).status).toBe(200);
  });
});

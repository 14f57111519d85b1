import { readFile } from "node:fs/promises";
import type { Door } from "./door.js";

const PASSWORD = "correct horse battery staple";
const WEB = { "outrider-via": "web" };

/** People at a door that is closed, each with a token of all that they may. */
export interface Guests {
  /** Makes a person, anew where there is one of that name. @param more role, rights, nodes */
  add(name: string, more: object): Promise<void>;
  /** Headers of somebody. */
  as(name: string): Readonly<Record<string, string>>;
  /** Changes what somebody may. */
  change(name: string, to: object): Promise<void>;
}

export async function receiveGuests(door: Door): Promise<Guests> {
  const headers = new Map<string, Readonly<Record<string, string>>>();
  const settled = async (name: string, password: string): Promise<void> => {
    const signedIn = await door.ask("POST", "/session", { body: { name, password } });
    const changed = await door.ask("PUT", "/session/password", {
      body: { old: password, new: PASSWORD },
      headers: { cookie: cookieOf(signedIn), ...WEB },
    });
    const made = await door.ask("POST", `/users/${name}/tokens`, {
      body: { name: "test" },
      headers: { cookie: cookieOf(changed), ...WEB },
    });
    const { token } = (await made.json()) as { token: string };
    headers.set(name, { authorization: `Bearer ${token}` });
  };
  const { name: admin = "", passwordFile = "" } = door.gateway.firstAdministrator ?? {};
  await settled(admin, (await readFile(passwordFile, "utf8")).trim());
  const as = (name: string): Readonly<Record<string, string>> => headers.get(name) ?? {};
  return {
    as,
    add: async (name, more) => {
      // Whom a try before has left.
      await door.ask("DELETE", `/users/${name}`, { headers: as(admin) });
      const made = await door.ask("POST", "/users", {
        body: { name, ...more },
        headers: as(admin),
      });
      const { password } = (await made.json()) as { password: string };
      await settled(name, password);
    },
    change: async (name, to) => {
      const reply = await door.ask("PUT", `/users/${name}`, { body: to, headers: as(admin) });
      if (!reply.ok) throw new Error(await reply.text());
    },
  };
}

function cookieOf(reply: Response): string {
  return reply.headers.getSetCookie()[0]?.split(";", 1)[0] ?? "";
}

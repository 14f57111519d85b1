import type { Api } from "./api.js";
import type { Console } from "./console.js";

export interface SignInWish {
  readonly user: string;
  readonly tokenName: string;
  readonly days: number;
  readonly passwordStdin: boolean;
}

/** A token as it is shown once. */
export interface IssuedToken {
  readonly id: string;
  readonly token: string;
}

/**
 * Signs in with a password, has a one-time one replaced, makes a token, and signs out again: the password is kept
 * nowhere. Undefined: nobody could be asked.
 * @throws ApiError
 */
export async function signIn(
  api: Api,
  console: Console,
  wish: SignInWish,
): Promise<IssuedToken | undefined> {
  const { user, tokenName, days, passwordStdin } = wish;
  const password = passwordStdin
    ? (await console.input()).replace(/\r?\n$/, "")
    : await console.ask(`Password of ${user}: `, true);
  if (password === undefined || password === "") {
    console.error(
      "outrider: no password was given; on a terminal it is asked for, else use --password-stdin",
    );
    return undefined;
  }
  let cookie = await session(api, user, password);
  const { mustChangePassword } = (
    await api.ask<{ mustChangePassword: boolean }>("GET", "/session", { headers: { cookie } })
  ).body;
  if (mustChangePassword) {
    const chosen = await newPassword(console);
    if (chosen === undefined) return undefined;
    const body = { old: password, new: chosen };
    await api.ask("PUT", "/session/password", { headers: { cookie }, body });
    cookie = await session(api, user, chosen);
  }
  const path = `/users/${encodeURIComponent(user)}/tokens`;
  const { body } = await api.ask<IssuedToken>("POST", path, {
    headers: { cookie },
    body: { name: tokenName, days },
  });
  await api.ask("DELETE", "/session", { headers: { cookie } });
  return body;
}

/** A new password, typed twice. Undefined where there is nobody to type. */
export async function newPassword(console: Console): Promise<string | undefined> {
  const chosen = await console.ask("The password is one-time. New password: ", true);
  if (chosen === undefined || chosen === "") {
    console.error("outrider: a new password must be chosen at a terminal; nothing was changed");
    return undefined;
  }
  if ((await console.ask("Once more: ", true)) === chosen) return chosen;
  console.error("outrider: the two are not the same; nothing was changed");
  return undefined;
}

async function session(api: Api, name: string, password: string): Promise<string> {
  const { headers } = await api.ask("POST", "/session", { body: { name, password } });
  return headers
    .getSetCookie()
    .map((cookie) => cookie.split(";")[0] ?? "")
    .join("; ");
}

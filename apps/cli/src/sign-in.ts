import { ApiError, type Api } from "./api.js";
import type { Console } from "./console.js";
import { EXIT } from "./exit-code.js";
import { plain } from "./plain.js";

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
    const chosen = await newPassword(console, async (next) => {
      const body = { old: password, new: next };
      await api.ask("PUT", "/session/password", { headers: { cookie }, body });
    });
    if (chosen === undefined) return undefined;
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

const ATTEMPTS = 3;
const RULES =
  "The password is one-time. A new one has 10 to 256 characters, at least five of them different, and not your name.";

/**
 * Has a new password typed twice, and again where it is not taken. Undefined where nobody could or would type one.
 * @param take puts it into force
 */
async function newPassword(
  console: Console,
  take: (chosen: string) => Promise<void>,
): Promise<string | undefined> {
  console.error(RULES);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const chosen = await console.ask("New password: ", true);
    if (chosen === undefined || chosen === "") {
      console.error("outrider: a new password must be chosen at a terminal; nothing was changed");
      return undefined;
    }
    if ((await console.ask("Once more: ", true)) !== chosen) {
      console.error("outrider: the two are not the same; nothing was changed");
      continue;
    }
    try {
      await take(chosen);
      return chosen;
    } catch (error) {
      const isRefused = error instanceof ApiError && error.exitCode === EXIT.usage;
      if (!isRefused || attempt === ATTEMPTS) throw error;
      console.error(plain(`outrider: ${error.message}`));
    }
  }
  return undefined;
}

async function session(api: Api, name: string, password: string): Promise<string> {
  const { headers } = await api.ask("POST", "/session", { body: { name, password } });
  return headers
    .getSetCookie()
    .map((cookie) => cookie.split(";")[0] ?? "")
    .join("; ");
}

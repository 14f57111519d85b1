import type { IdentityStore } from "./identity-store.js";
import { IdentityError } from "./identity-error.js";

/**
 * Makes `admin` where nobody could administer the people of the site. Several may ask at once: one of them makes it.
 * @returns the one-time password, this once, to be shown to whoever started the site; undefined when nothing was made
 */
export async function ensureAdministrator(
  store: IdentityStore,
): Promise<{ readonly name: string; readonly password: string } | undefined> {
  await store.refresh();
  const people = await store.people.list();
  if (people.some(({ role, disabled }) => role === "administrator" && !disabled)) return undefined;
  const name = people.some((one) => one.name === "admin") ? "administrator" : "admin";
  try {
    const { password } = await store.people.create({
      name,
      displayName: "Administrator",
      role: "administrator",
    });
    return { name, password };
  } catch (error) {
    if (error instanceof IdentityError && error.code === "conflict") return undefined;
    throw error;
  }
}

import type { SecretReference } from "@outrider/contracts/secret";
import type { DriverContext } from "@outrider/ports/driver";
import type { Login } from "@outrider/transports/http-login";
import { invalidOption } from "./invalid-option.js";

/**
 * Who logs in where options name both user and password, or neither: then nobody does.
 * @throws PortError `invalid-options`, also when the agent's host does not have the password
 */
export async function credentialsOf(
  {
    username,
    password,
  }: { readonly username?: string | undefined; readonly password?: SecretReference | undefined },
  { secret }: Pick<DriverContext, "secret">,
): Promise<Pick<Login, "username" | "password"> | undefined> {
  if (username === undefined && password === undefined) return undefined;
  if (username === undefined || password === undefined) {
    throw invalidOption("username and password: name both or none.");
  }
  return { username, password: await secret(password) };
}

/** Who logs in at a device whose user is known without being named: nobody without a password. */
export async function loginOf(
  username: string,
  password: SecretReference | undefined,
  mayShowPassword: boolean,
  { secret }: Pick<DriverContext, "secret">,
): Promise<Login | undefined> {
  if (password === undefined) return undefined;
  return { username, password: await secret(password), mayShowPassword };
}

import { Matches } from "class-validator";
import { ExactlyOne, Optional } from "./decorators.js";

/** Only variables of this kind can be named, so that a site file cannot send any other away. */
export const SECRET_VARIABLE = /^OUTRIDER_SECRET_[A-Z0-9_]{1,64}$/;
export const SECRET_FILE = /^\/[^\u0000]{1,1000}$/;

/**
 * Where the agent's host has a secret; never the secret itself. Files lie in `/etc/outrider/secrets`, in `secrets`
 * of the agent's data, or among systemd's credentials; a final line break is not part of the secret.
 */
export class SecretReference {
  /** Absolute path on the agent's host. */
  @Optional() @Matches(SECRET_FILE) file?: string;
  /** Name of an environment variable of the agent. */
  @Optional() @Matches(SECRET_VARIABLE) @ExactlyOne("file", "env") env?: string;
}

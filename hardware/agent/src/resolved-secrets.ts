import { createHash } from "node:crypto";
import type { SecretReference } from "@outrider/contracts/secret";
import type { DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";

interface Resolved {
  readonly reference: SecretReference;
  readonly digest: string;
}

/** The secrets of one endpoint, and whether they are still what they were when its driver was given them. */
export class ResolvedSecrets {
  readonly #resolved = new Map<string, Resolved>();

  constructor(private readonly secrets: DriverContext["secret"]) {}

  /** @throws PortError */
  readonly resolve: DriverContext["secret"] = async (reference) => {
    const secret = await this.secrets(reference);
    this.#resolved.set(JSON.stringify(reference), { reference, digest: digestOf(secret) });
    return secret;
  };

  get areAny(): boolean {
    return this.#resolved.size > 0;
  }

  /** One that cannot be read now has not changed: what was opened with it goes on. */
  async haveChanged(): Promise<boolean> {
    for (const { reference, digest } of this.#resolved.values()) {
      try {
        if (digestOf(await this.secrets(reference)) !== digest) return true;
      } catch (error) {
        if (!(error instanceof PortError)) throw error;
      }
    }
    return false;
  }
}

/** The secret itself is the driver's alone. */
function digestOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

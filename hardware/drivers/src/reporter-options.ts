import { Integer, Nested, Optional } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import type { DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { Reporter } from "@outrider/transports/reporter";
import { HostOptions } from "./host-options.js";

/** The reporter of a host: the program `outrider-reporter` on it. */
export class ReporterOptions extends HostOptions {
  /** Default 8479. */
  @Optional()
  @Integer(1, 65_535)
  port?: number;
  /** What lies on the host in `/etc/outrider/reporter-secret`; at least 32 characters, and another for every host. */
  @Nested(() => SecretReference)
  secret!: SecretReference;
}

export const REPORTER_EXAMPLE = {
  host: "10.0.0.31",
  secret: { file: "/etc/outrider/secrets/reporter-n1" },
};

const REPORTER_PORT = 8479;
const SHORTEST_SECRET = 32;

/** @throws PortError `invalid-options`: there is no such secret, or it is too short */
export async function openReporter(
  { host, port = REPORTER_PORT, secret }: ReporterOptions,
  context: DriverContext,
): Promise<Reporter> {
  const text = (await context.secret(secret)).trim();
  if (text.length < SHORTEST_SECRET) {
    throw new PortError(
      "invalid-options",
      `The secret for the reporter of ${host} is shorter than ${SHORTEST_SECRET} characters. Make one with openssl rand -hex 32, for both sides.`,
    );
  }
  return new Reporter({ host, port, secret: text, clock: context.clock });
}

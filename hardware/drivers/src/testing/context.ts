import { systemClock } from "@outrider/contracts/clock";
import type { SecretReference } from "@outrider/contracts/secret";
import type { DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";

const log = { debug() {}, info() {}, warn() {}, error() {} };

/** What an agent hands to a driver: real time, no logs, the secrets of `secrets` by file or variable, and the programs of `programs`. */
export function driverContext(
  rest: Partial<DriverContext> & {
    readonly secrets?: Readonly<Record<string, string>>;
    readonly programs?: Readonly<Record<string, string>>;
  } = {},
): DriverContext {
  const { secrets = {}, programs = {}, ...context } = rest;
  return {
    clock: systemClock,
    log,
    signal: new AbortController().signal,
    secret: async ({ file, env }: SecretReference) => {
      const secret = secrets[file ?? env ?? ""];
      if (secret !== undefined) return secret;
      throw new PortError("invalid-options", `There is no secret at ${file ?? env ?? "nowhere"}.`);
    },
    program: async (name) => {
      const program = programs[name];
      if (program !== undefined) return program;
      throw new PortError("invalid-options", `There is no program ${name}.`);
    },
    ...context,
  };
}

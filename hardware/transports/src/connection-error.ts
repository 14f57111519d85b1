import { PortError } from "@outrider/ports/port-error";

const NEVER_CONNECTED: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nobody listens there",
  EACCES: "this user may not open it",
  ENOTFOUND: "the name is not known",
  EAI_AGAIN: "the name server does not answer",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ETIMEDOUT: "the host does not answer",
};

/**
 * The PortError of a failed connection.
 * @param what names the device with its address: "The chassis at /run/c.sock"
 */
export function connectionError(what: string, cause: Error): PortError {
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  const why = NEVER_CONNECTED[code];
  return new PortError(
    "unreachable",
    why === undefined
      ? `${what}: the connection was lost (${code === "" ? cause.message : code}). What was asked may have happened; read before repeating.`
      : `${what} cannot be reached: ${why} (${code}). Check that it runs and that its address is right.`,
    { cause },
  );
}

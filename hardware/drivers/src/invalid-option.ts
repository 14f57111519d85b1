import { PortError } from "@outrider/ports/port-error";

/** @param what the option and what is wrong with it, as a sentence: "url: must be http://<host>." */
export function invalidOption(what: string, cause?: unknown): PortError {
  return new PortError("invalid-options", `The option ${what} Correct the endpoint.`, { cause });
}

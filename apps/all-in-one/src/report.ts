import { EnvironmentError } from "@outrider/contracts/environment";
import { SiteFileError } from "@outrider/inventory-service/site-problem";
import { isStorageError } from "@outrider/storage/storage-error";

/** sysexits(3): the configuration is wrong. Supervisors need not try again. */
export const EX_CONFIG = 78;
/** sysexits(3): a defect. */
export const EX_SOFTWARE = 70;

/** Why it does not start, in lines for a person, and the exit code. Undefined: a defect. */
export function failureReport(
  error: unknown,
): { readonly lines: readonly string[]; readonly exitCode: number } | undefined {
  if (error instanceof EnvironmentError) return { lines: error.problems, exitCode: EX_CONFIG };
  if (error instanceof SiteFileError) {
    return { lines: error.message.split("\n"), exitCode: EX_CONFIG };
  }
  if (isStorageError(error) && error.code !== "programming") {
    return { lines: [error.message], exitCode: 1 };
  }
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === "EADDRINUSE") {
    const line = `port ${port} is taken, by another Outrider or another broker; stop it, or set OUTRIDER_MQTT_PORT, OUTRIDER_HTTP_PORT or OUTRIDER_CONSOLE_LINK_PORT, whichever it is`;
    return { lines: [line], exitCode: 1 };
  }
  // What the operating system refuses has a code; what is wrong in us has none.
  if (error instanceof Error && (code !== undefined || error.constructor === Error)) {
    return { lines: [error.message], exitCode: 1 };
  }
  return undefined;
}

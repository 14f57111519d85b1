import { homedir } from "node:os";
import { join } from "node:path";

/** Where built guests are kept: `OUTRIDER_CACHE`, by default `~/.cache/outrider`. */
export function guestCache(): string {
  const dir = process.env["OUTRIDER_CACHE"];
  return dir === undefined || dir === "" ? join(homedir(), ".cache", "outrider") : dir;
}

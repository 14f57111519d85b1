import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** A release of Home Assistant that the bridge is tried against. */
export interface Release {
  readonly version: string;
  /** The interpreter that it needs. */
  readonly python: string;
  /** The form of discovery that it reads. */
  readonly form: "device" | "entity";
}

/** All that there are, newest last; `npm run test:home-assistant` installs those whose Python is there. */
export const RELEASES = JSON.parse(
  readFileSync(new URL("../../src/house/releases.json", import.meta.url), "utf8"),
) as readonly Release[];

/** Its program, where it is installed. Says aloud what is skipped, and why. */
export function programOf({ version, python }: Release): string | undefined {
  const cache = process.env["OUTRIDER_CACHE"] || join(homedir(), ".cache", "outrider");
  const folder = join(cache, "home-assistant", version);
  if (existsSync(join(folder, "complete"))) return join(folder, "bin", "hass");
  process.stderr.write(
    `\nSKIPPED: Home Assistant ${version} is not installed; it needs ${python}, and npm run test:home-assistant installs it\n`,
  );
  return undefined;
}

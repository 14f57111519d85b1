import type { Api } from "./api.js";
import type { Console } from "./console.js";
import type { ExitCode } from "./exit-code.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the commands share. */
export interface Cli {
  readonly console: Console;
  readonly environment: Environment;
  /** Runs a command that asks the gateway. */
  online(use: (api: Api) => Promise<ExitCode>): Promise<void>;
  /** Runs a command that asks nobody. */
  offline(use: () => ExitCode | Promise<ExitCode>): Promise<void>;
}

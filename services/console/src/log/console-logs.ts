import type { ConsoleLogs, ConsoleLogsOptions } from "./console-log.js";

/** Opens the logs of all consoles in a directory. */
export async function openConsoleLogs(_options: ConsoleLogsOptions): Promise<ConsoleLogs> {
  throw new Error("being written");
}

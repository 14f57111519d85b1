import { parseArgs } from "node:util";

export const USAGE = `Usage:
  outrider-backup backup  [--data DIR] [--database URL] FILE
  outrider-backup restore [--data DIR] [--database URL] [--replace] FILE
  outrider-backup show FILE

Makes one archive of all that a deployment keeps, while it runs, and puts it back while it does not.

  --data DIR      the deployment's data directory; default OUTRIDER_DATA, else ./data
  --database URL  its PostgreSQL, if it has one; default OUTRIDER_DATABASE_URL, where other users cannot read a password
  --replace       restore over what is there: files are put aside, tables are lost
`;

/** What was asked for. */
export interface Asked {
  readonly command: "backup" | "restore" | "show";
  readonly file: string;
  readonly dataDirectory: string;
  readonly databaseUrl: string | undefined;
  readonly replace: boolean;
}

/** Something that cannot be done as it was written. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** @throws UsageError */
export function readCommandLine(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Asked | "help" {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        data: { type: "string" },
        database: { type: "string" },
        replace: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  if (values.help) return "help";
  const [command, file, ...more] = positionals;
  if (command !== "backup" && command !== "restore" && command !== "show")
    throw new UsageError(`${command ?? "nothing"} was asked for; expected backup, restore or show`);
  if (file === undefined || more.length > 0)
    throw new UsageError(`expected one archive after ${command}`);
  if (values.replace && command !== "restore") throw new UsageError("--replace belongs to restore");
  return {
    command,
    file,
    dataDirectory: values.data ?? (environment["OUTRIDER_DATA"] || "./data"),
    databaseUrl: values.database ?? (environment["OUTRIDER_DATABASE_URL"] || undefined),
    replace: values.replace,
  };
}

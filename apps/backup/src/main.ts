import { readFile } from "node:fs/promises";
import { makeBackup } from "@outrider/storage/backup/make-backup";
import { BackupError, type Manifest } from "@outrider/storage/backup/manifest";
import { restoreBackup } from "@outrider/storage/backup/restore-backup";
import { showBackup } from "@outrider/storage/backup/show-backup";
import { isStorageError } from "@outrider/storage/storage-error";
import { readCommandLine, USAGE, UsageError, type Asked } from "./command-line.js";

/** sysexits(3) has 64 for usage; people know 2. */
const EX_USAGE = 2;

process.exitCode = await run();

async function run(): Promise<number> {
  try {
    const asked = readCommandLine(process.argv.slice(2), process.env);
    process.stdout.write(asked === "help" ? USAGE : await act(asked));
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`outrider-backup: ${error.message}\n\n${USAGE}`);
      return EX_USAGE;
    }
    const isExpected = error instanceof BackupError || isStorageError(error) || isOfSystem(error);
    if (!isExpected) throw error;
    process.stderr.write(`outrider-backup: ${(error as Error).message}; nothing was changed\n`);
    return 1;
  }
}

async function act(asked: Asked): Promise<string> {
  const { command, file, dataDirectory, databaseUrl, replace } = asked;
  if (command === "show") return describe(await show(file));
  if (command === "backup") {
    const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
    const { version } = JSON.parse(text) as { version: string };
    return describe(await makeBackup({ file, dataDirectory, databaseUrl, version }));
  }
  const { manifest, aside } = await restoreBackup({ file, dataDirectory, databaseUrl, replace });
  const old =
    aside === undefined ? "" : `What was there is in ${aside}; remove it when all is well.\n`;
  return `${describe(manifest)}${old}Restored. Start the services; what has happened since then is not known to them.\n`;
}

/** @throws BackupError, as a restore does, when it is no archive or not a whole one; what the system says of the file */
async function show(file: string): Promise<Manifest> {
  try {
    return await showBackup(file);
  } catch (cause) {
    if (cause instanceof BackupError || isOfSystem(cause)) throw cause;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new BackupError(`${file} cannot be unpacked: ${said}`, { cause });
  }
}

function describe({ id, madeAt, version, database, schemas, files }: Manifest): string {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const owners = schemas.map(({ namespace, migrations }) => {
    const last = migrations.at(-1);
    return `  ${namespace}: schema ${last?.id ?? 0}${last ? ` (${last.name})` : ""}\n`;
  });
  return `backup ${id} of ${madeAt}, Outrider ${version}, ${database}, ${files.length} files, ${bytes} bytes\n${owners.join("")}`;
}

/** A file that is not there, a disk that is full: what the system says is what there is to say. */
function isOfSystem(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

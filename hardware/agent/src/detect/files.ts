import { readFile, readdir, readlink } from "node:fs/promises";

/** Names in a folder of the kernel's; none where there is no such folder. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await orNothing(() => readdir(folder)))?.toSorted() ?? [];
}

/** The text of a file of the kernel's without its final line break; undefined where it says nothing. */
export async function textOf(file: string): Promise<string | undefined> {
  return (await orNothing(() => readFile(file, "utf8")))?.trimEnd() || undefined;
}

export async function targetOf(link: string): Promise<string | undefined> {
  return orNothing(() => readlink(link));
}

/** What is in the kernel's folders comes and goes while one looks. */
async function orNothing<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}

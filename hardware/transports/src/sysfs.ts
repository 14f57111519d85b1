import { readdir, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { PortError } from "@outrider/ports/port-error";

/** What the kernel says in a file, trimmed; undefined where there is no such file. */
export async function sysfsText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** A number that the kernel measures, or why it has none now. */
export async function sysfsNumber(
  path: string,
): Promise<number | "NotPresent" | "NoReading" | "TimedOut"> {
  try {
    const text = await sysfsText(path);
    if (text === undefined) return "NotPresent";
    const value = Number(text);
    return text === "" || !Number.isFinite(value) ? "NoReading" : value;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What a driver of the kernel answers when its chip does not.
    return code === "ETIMEDOUT" || code === "EAGAIN" ? "TimedOut" : "NoReading";
  }
}

/**
 * The folder of a device of a class by what it says of itself, because its number is another after each start.
 * @param file in which its name is: `name`, `type`
 * @param device part of where it hangs, such as `1-0040` or `rpi_volt`, where several have the same name
 * @throws PortError `unreachable`: none · `invalid-options`: several
 */
export async function findSysfsDevice(
  classFolder: string,
  file: string,
  name: string,
  device?: string,
): Promise<string> {
  const folders = await readdir(classFolder).catch(() => []);
  const found: { folder: string; name: string; place: string }[] = [];
  for (const each of folders) {
    const folder = join(classFolder, each);
    const its = await sysfsText(join(folder, file)).catch(() => undefined);
    if (its === undefined) continue;
    const place = await realpath(join(folder, "device")).catch(() => folder);
    found.push({ folder, name: its, place });
  }
  const fits = found.filter(
    (one) => one.name === name && (device === undefined || one.place.split("/").includes(device)),
  );
  const [only, ...others] = fits;
  if (only && others.length === 0) return only.folder;
  const said = (list: typeof found): string =>
    list.map((one) => `${one.name} (${one.place.split("/").at(-1)})`).join(", ") || "none";
  if (only)
    throw new PortError(
      "invalid-options",
      `More than one device is called ${name}: ${said(fits)}. Name one in the option device.`,
    );
  throw new PortError(
    "unreachable",
    `The kernel has no device ${name}${device === undefined ? "" : ` at ${device}`} in ${classFolder}. There are: ${said(found)}. Load its driver, or correct the options.`,
  );
}

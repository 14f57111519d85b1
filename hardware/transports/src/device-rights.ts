import { readFile, stat } from "node:fs/promises";

/** Read and write for the group of a file. */
const GROUP_MAY = 0o060;

/**
 * What a person does so that the agent may open a device file that is there: it goes by the file's own group, which
 * distributions name differently.
 * @param subsystem as udev calls it: `gpio`, `i2c-dev`
 * @param groups only tests have another
 */
export async function rightsAdvice(
  path: string,
  subsystem: string,
  groups = "/etc/group",
): Promise<string> {
  const { gid, mode } = await stat(path);
  if (gid !== 0 && (mode & GROUP_MAY) === GROUP_MAY) {
    const name = (await groupName(gid, groups)) ?? String(gid);
    return `Add the user of the agent to the group ${name} (usermod -aG ${name} USER), and start the agent again.`;
  }
  const group = subsystem.replace(/-.*/, "");
  return `It is open to root only. A rule of udev gives it to a group that the user of the agent is in: SUBSYSTEM=="${subsystem}", GROUP="${group}", MODE="0660".`;
}

async function groupName(gid: number, groups: string): Promise<string | undefined> {
  const text = await readFile(groups, "utf8").catch(() => "");
  for (const line of text.split("\n")) {
    const [name, , id] = line.split(":");
    if (id === String(gid)) return name;
  }
  return undefined;
}

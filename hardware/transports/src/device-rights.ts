import { readFile, stat } from "node:fs/promises";
import { userInfo } from "node:os";

/** Read and write for the group of a file. */
const GROUP_MAY = 0o060;
/** Of a user who is in the group of root, half of a system is open: nobody is told to go there. */
const ROOT = 0;

/** What a distribution calls the group of a subsystem, where that is not its own name. */
const USUAL_GROUPS: Readonly<Record<string, string>> = { "i2c-dev": "i2c", tty: "dialout" };

/**
 * What a person does so that the agent may open a device file that is there: it goes by the file's own group, which
 * distributions name differently.
 * @param subsystem as udev calls it: `gpio`, `i2c-dev`, `tty`
 * @param groups only tests have another
 */
export async function rightsAdvice(
  path: string,
  subsystem: string,
  groups = "/etc/group",
): Promise<string> {
  const usual = USUAL_GROUPS[subsystem] ?? subsystem;
  const user = userName();
  try {
    const { gid, mode } = await stat(path);
    if (gid !== ROOT && (mode & GROUP_MAY) === GROUP_MAY) {
      const name = (await groupName(gid, groups)) ?? String(gid);
      return `Add the user of the agent to the group ${name} (usermod -aG ${name} ${user}), and start the agent again: a new group counts for a new process only.`;
    }
  } catch {
    return `Add the user of the agent, ${user}, to the group of the device (on Debian: ${usual}), and start the agent again.`;
  }
  return `It is open to root only. A rule of udev gives it to a group that the user of the agent is in: SUBSYSTEM=="${subsystem}", GROUP="${usual}", MODE="0660".`;
}

/** Also of a user whom no file knows, as in a container: its number. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "");
  }
}

async function groupName(gid: number, groups: string): Promise<string | undefined> {
  const text = await readFile(groups, "utf8").catch(() => "");
  for (const line of text.split("\n")) {
    const [name, , id] = line.split(":");
    if (id === String(gid)) return name;
  }
  return undefined;
}

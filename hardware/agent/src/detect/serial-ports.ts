import { basename, join } from "node:path";
import type { EndpointProposal } from "@outrider/contracts/agent-request";
import type { Detector } from "./detector.js";
import { namesIn, targetOf, textOf } from "./files.js";

/** Made by the kernel or a user whether or not anything is there. */
const NO_PORT = /^(tty\d*|ttyprintk|console|ptmx|pty.*)$/;
/** The 16550 type that the kernel gives a port which is not there. */
const NOT_THERE = "0";

/**
 * Serial ports that could be consoles. USB adapters by the path of their USB port, because most have no serial number
 * and identical ones would change places; ports on the board by their device.
 */
export const serialPorts: Detector = {
  name: "serial",
  detect: async ({ root, looked }) => {
    const byPath = await linksIn(join(root, "dev/serial/by-path"));
    const byId = await linksIn(join(root, "dev/serial/by-id"));
    const ports = join(root, "sys/class/tty");
    const proposals: EndpointProposal[] = [];
    for (const tty of await namesIn(ports)) {
      if (NO_PORT.test(tty)) continue;
      const device = await targetOf(join(ports, tty, "device"));
      if (device === undefined) continue;
      if ((await textOf(join(ports, tty, "type"))) === NOT_THERE) continue;
      const path = byPath.get(tty);
      const maker = byId.get(tty);
      const adapter = maker === undefined ? "" : ` (${basename(maker)})`;
      const isUsb = /^tty(USB|ACM)/.test(tty);
      proposals.push({
        port: "console",
        driver: "serial",
        options: { path: path ?? `/dev/${tty}`, baudRate: 115_200 },
        why: isUsb
          ? `USB serial adapter${adapter}, now ${tty}, ${
              path === undefined
                ? "which has no lasting name here: it changes with the order of plugging"
                : "named by the USB port that it is plugged into"
            }. Which node is at its end, and its speed, are not known.`
          : `Serial port ${tty} of the board. Which node is at its end, and its speed, are not known.`,
        confidence: isUsb && path !== undefined ? "medium" : "low",
      });
    }
    looked(
      proposals.length > 0
        ? `${proposals.length} serial ports of the host (/sys/class/tty)`
        : "the serial ports of the host (/sys/class/tty): there is none. A USB adapter appears there when it is plugged in and its kernel module is there",
    );
    return proposals;
  },
};

/** By the name of the device that a link leads to. */
async function linksIn(folder: string): Promise<Map<string, string>> {
  const links = new Map<string, string>();
  for (const name of await namesIn(folder)) {
    const target = await targetOf(join(folder, name));
    // Of two names for one port the shorter is the plain one; udev adds one with the version of USB.
    const tty = target === undefined ? undefined : basename(target);
    const path = `/${join("dev/serial", basename(folder), name)}`;
    const known = tty === undefined ? undefined : links.get(tty);
    if (tty !== undefined && (known === undefined || path.length < known.length)) {
      links.set(tty, path);
    }
  }
  return links;
}

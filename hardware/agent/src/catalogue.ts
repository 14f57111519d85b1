import { fork } from "node:child_process";
import type { DescribedDriver } from "@outrider/contracts/agent";
import type { DriverDescriptions } from "./describe-drivers.js";
import type { AgentLog } from "./log.js";

/** Of the drivers that are ours, for all agents of this process: they are the same for each. */
let ours: Promise<DriverDescriptions> | undefined;

/**
 * Every driver that this agent can open, with the JSON Schema of its options. One that cannot be loaded here is left
 * out. They are read by a process that ends again, and this one loads those that an endpoint names: what all the others
 * need is a third of an agent's memory, and a thread would not give all of it back.
 * @param root the folders of the drivers; missing: ours
 */
export async function driverCatalogue(
  log: Pick<AgentLog, "error">,
  root?: URL,
): Promise<readonly DescribedDriver[]> {
  const { drivers, failed } = await (root === undefined ? (ours ??= read()) : read(root));
  for (const { port, driver, reason } of failed) {
    log.error({ reason, port, driver }, "a driver cannot be loaded on this host; it is left out");
  }
  return drivers;
}

async function read(root?: URL): Promise<DriverDescriptions> {
  const child = fork(new URL("catalogue-child.js", import.meta.url), root ? [root.href] : [], {
    // What this process was started with (inspectors, test runners) is none of its business.
    execArgv: [],
    // Whoever reads what this process says does not expect it, and what ends this one by its terminal leaves it be.
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    detached: true,
  });
  try {
    return await new Promise((resolve, reject) => {
      child.once("message", resolve);
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        reject(new Error(`the process that reads the drivers ended (${signal ?? code})`));
      });
    });
  } finally {
    if (child.connected) child.disconnect();
  }
}

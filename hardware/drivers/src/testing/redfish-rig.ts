import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDriver, type Driver, type PortKind, type Ports } from "@outrider/ports/driver";
import { freePort } from "./foreign-process.js";
import type { PortRig } from "./port-rig.js";
import { startSushy, SUSHY_USER } from "./sushy.js";

const PASSWORD = { file: "/etc/outrider/secrets/bmc" };

export interface RedfishRig<P extends AsyncDisposable> extends PortRig<P> {
  /** A resource of the emulator, asked or changed by another way than the driver's. */
  resource(path: string, change?: object): Promise<Record<string, unknown>>;
}

/** A driver on the first system of sushy-emulator. */
export async function redfishRig<K extends PortKind>(
  bin: string,
  driver: Driver<K>,
  options: object = {},
): Promise<RedfishRig<Ports[K]>> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const port = await freePort();
  const emulator = await startSushy(bin, { dir, port }, {});
  const url = `http://127.0.0.1:${port}`;
  const { username, password } = SUSHY_USER;
  return {
    open: (context) =>
      openDriver(
        driver,
        { url, unencrypted: true, username, password: PASSWORD, system: "1", ...options },
        { ...context, secret: async () => password },
      ),
    silence: async (silent) => void process.kill(emulator.pid, silent ? "SIGSTOP" : "SIGCONT"),
    resource: async (path, change) => {
      const answer = await fetch(`${url}${path}`, {
        method: change === undefined ? "GET" : "PATCH",
        headers: {
          authorization: `Basic ${btoa(`${username}:${password}`)}`,
          "content-type": "application/json",
        },
        ...(change === undefined ? {} : { body: JSON.stringify(change) }),
      });
      if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
      return change === undefined ? ((await answer.json()) as Record<string, unknown>) : {};
    },
    [Symbol.asyncDispose]: async () => {
      process.kill(emulator.pid, "SIGCONT");
      await emulator.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

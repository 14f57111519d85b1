import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BootOverride, BootTarget } from "@outrider/ports/boot-port";
import { describe, expect, it } from "vitest";
import { openDriver } from "@outrider/ports/driver";
import { describeBootPort, type BootRig } from "../testing/boot-conformance.js";
import { driverContext } from "../testing/context.js";
import { freePort } from "../testing/foreign-process.js";
import { forever } from "../testing/power-rig.js";
import { startSushy, sushy, SUSHY_USER } from "../testing/sushy.js";
import { driver } from "./redfish.js";

const bin = await sushy();
const PASSWORD = { file: "/etc/outrider/secrets/bmc" };
const SOURCES: Readonly<Partial<Record<BootTarget, string>>> = {
  network: "Pxe",
  cd: "Cd",
  disk: "Hdd",
};

async function startRig(): Promise<BootRig> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const port = await freePort();
  const start = () => startSushy(bin ?? "", { dir, port }, {});
  let emulator = await start();
  const url = `http://127.0.0.1:${port}`;
  const { username, password } = SUSHY_USER;
  const system = async (body?: object): Promise<Record<string, Record<string, unknown>>> => {
    const answer = await fetch(`${url}/redfish/v1/Systems/1`, {
      method: body === undefined ? "GET" : "PATCH",
      headers: {
        authorization: `Basic ${btoa(`${username}:${password}`)}`,
        "content-type": "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(answer.ok).toBe(true);
    return body === undefined ? ((await answer.json()) as Record<string, never>) : {};
  };
  return {
    driver,
    options: { url, unencrypted: true, username, password: PASSWORD, system: "1" },
    secrets: { [PASSWORD.file]: password },
    // The emulator keeps the source and has no word for how long.
    overrides: (["network", "cd", "disk"] as const).map((target) => ({
      target,
      mode: "persistent",
    })),
    refused: { target: "recovery", mode: "once" },
    armed: async (): Promise<BootOverride | undefined> => {
      const source = (await system())["Boot"]?.["BootSourceOverrideTarget"];
      const target = (Object.keys(SOURCES) as BootTarget[]).find((one) => SOURCES[one] === source);
      return target === undefined ? undefined : { target, mode: "persistent" };
    },
    arm: async (override) => {
      const source = override === undefined ? "None" : SOURCES[override.target];
      await system({ Boot: { BootSourceOverrideTarget: source } });
    },
    address: `127.0.0.1:${port}`,
    freeze: () => void process.kill(emulator.pid, "SIGSTOP"),
    thaw: () => void process.kill(emulator.pid, "SIGCONT"),
    kill: () => emulator.stop("SIGKILL"),
    restart: async () => {
      emulator = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await emulator.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

describe.skipIf(bin === undefined)("sushy-emulator", () => {
  describeBootPort("redfish", startRig);

  it("tells the truth about a device that keeps for good what it was told for once", async () => {
    await using rig = await startRig();
    const context = driverContext({ secrets: rig.secrets ?? {} });
    await using port = await openDriver(driver, rig.options, context);
    await port.set({ target: "network", mode: "once" }, forever);
    expect(await port.read(forever)).toEqual({ target: "network", mode: "persistent" });
  });
});

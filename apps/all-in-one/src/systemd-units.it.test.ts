import { spawnSync } from "node:child_process";
import { appendFile, chmod, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AGENT_NODE_OPTIONS } from "@outrider/agent/node-options";
import { requirePeer } from "@outrider/testing/peers";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const SHIPPED = fileURLToPath(new URL("../../../deploy/systemd", import.meta.url));
const WIRES = "outrider-agent@.service.d/wires.conf";
const INSTALLED = "/opt/outrider/node_modules/.bin/node";
const UNITS = ["outrider.service", "outrider-agent@rack-a.service"];
const isThere = requirePeer("systemd-analyze", "apt-get install systemd");

let folder: TempDir;
beforeEach(async () => {
  folder = await tempDir();
  await cp(SHIPPED, folder.path, { recursive: true });
  const node = join(folder.path, "node");
  await writeFile(node, "#!/bin/sh\n");
  await chmod(node, 0o755);
  for (const name of ["outrider.service", "outrider-agent@.service"]) {
    const file = join(folder.path, name);
    await writeFile(file, (await readFile(file, "utf8")).replaceAll(INSTALLED, node));
  }
  await cp(join(folder.path, "outrider-agent@.service"), join(folder.path, UNITS[1] ?? ""));
  await mkdir(join(folder.path, "outrider.service.d"));
  await cp(join(folder.path, WIRES), join(folder.path, "outrider.service.d/wires.conf"));
});
afterEach(() => folder.remove());

/** What systemd itself says of a unit with its drop-ins. */
function verify(unit: string): string {
  const { stdout, stderr, error } = spawnSync("systemd-analyze", ["verify", unit], {
    cwd: folder.path,
    env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder.path}:` },
    encoding: "utf8",
    timeout: 30_000,
  });
  if (error) throw error;
  return stdout + stderr;
}

it("an agent on a host of its own is started as one beside the others is", async () => {
  const unit = await readFile(join(SHIPPED, "outrider-agent@.service"), "utf8");
  const options = ["--enable-source-maps", ...AGENT_NODE_OPTIONS].join(" ");
  expect(unit).toMatch(
    new RegExp(`^ExecStart=\\S+/node ${options} /opt/outrider/hardware/agent/dist/main\\.js$`, "m"),
  );
});

describe.skipIf(!isThere)("the units that are shipped", () => {
  it.each(UNITS)("%s is understood by systemd, with the wires of its host", (unit) => {
    expect(verify(join(folder.path, unit))).toBe("");
  });

  it.each(UNITS)("%s is so also with each line that is offered in a comment", async (unit) => {
    for (const at of [WIRES, "outrider.service.d/wires.conf"]) {
      const file = join(folder.path, at);
      const offered = (await readFile(file, "utf8")).replaceAll(/^#(?=[A-Z]\w+=)/gm, "");
      expect(offered).toContain("\nLoadCredential=poe:/etc/outrider/secrets/poe\n");
      await writeFile(file, offered);
    }
    expect(verify(join(folder.path, unit))).toBe("");
    await appendFile(join(folder.path, WIRES), "DeviceAlow=char-i2c rw\n");
    await appendFile(
      join(folder.path, "outrider.service.d/wires.conf"),
      "DeviceAlow=char-i2c rw\n",
    );
    expect(verify(join(folder.path, unit))).toContain("DeviceAlow");
  });
});

it("opens, for the wires of a host, what drivers open there and nothing else", async () => {
  const lines = (await readFile(join(SHIPPED, WIRES), "utf8")).split("\n");
  expect(lines).toContain("PrivateDevices=no");
  expect(lines).toContain("DevicePolicy=closed");
  expect(lines.filter((line) => line.startsWith("DeviceAllow="))).toEqual(
    [
      "char-gpiochip",
      "char-i2c",
      "char-ttyUSB",
      "char-ttyACM",
      "char-ttyAMA",
      "char-ttyS",
      "/dev/vcio",
    ].map((device) => `DeviceAllow=${device} rw`),
  );
});

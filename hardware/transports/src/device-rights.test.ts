import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { rightsAdvice } from "./device-rights.js";

let dir: string;
let device: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "or-"));
  device = join(dir, "gpiochip0");
  writeFileSync(device, "");
});
afterEach(() => rmSync(dir, { recursive: true }));

it("says that a device which its group may not open needs a rule", async () => {
  chmodSync(device, 0o600);
  expect(await rightsAdvice(device, "i2c-dev")).toContain(
    'SUBSYSTEM=="i2c-dev", GROUP="i2c", MODE="0660"',
  );
  expect(await rightsAdvice(device, "tty")).toContain(
    'SUBSYSTEM=="tty", GROUP="dialout", MODE="0660"',
  );
});

// Only root may give a file away.
it.runIf(process.getuid?.() === 0)("sends nobody into the group of root", async () => {
  chmodSync(device, 0o660);
  chownSync(device, 0, 0);
  const advice = await rightsAdvice(device, "tty");
  expect(advice).toContain('GROUP="dialout"');
  expect(advice).not.toContain("usermod");
});

it("names the usual group of a device that is gone meanwhile", async () => {
  expect(await rightsAdvice(join(dir, "nothing"), "tty")).toContain("on Debian: dialout");
});

it("names the group of a device that its group may open, where that is not root's", async () => {
  chmodSync(device, 0o660);
  // Only root may give a file away.
  if (process.getuid?.() === 0) chownSync(device, 0, 4711);
  const { gid } = statSync(device);
  const groups = join(dir, "group");
  writeFileSync(groups, `root:x:0:\nboard:x:${gid}:\n`);
  expect(await rightsAdvice(device, "gpio", groups)).toContain(
    `Add the user of the agent to the group board (usermod -aG board ${userInfo().username})`,
  );
});

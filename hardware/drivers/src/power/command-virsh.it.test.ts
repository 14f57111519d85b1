import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { openDriver } from "@outrider/ports/driver";
import type { PowerPort } from "@outrider/ports/power-port";
import { mustSkip } from "@outrider/simulators/peers";
import { beforeRetry } from "@outrider/testing/before-retry";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { startLibvirtd, type Libvirtd } from "../testing/libvirtd.js";
import { failure, forever } from "../testing/power-rig.js";
import { driver } from "./command.js";

const skip = mustSkip("power by the documented script for libvirt", {
  virsh: "libvirt-clients",
  libvirtd: "libvirt-daemon",
});
const DOCS = new URL("../../../../docs/hardware/virtual-machines.md", import.meta.url);
const HYPERVISOR = "qemu:///system";

/** The script as the documentation has it, for another hypervisor. */
function documentedScript(uri: string): string {
  const [, script = ""] =
    /```sh\n(#!\/bin\/sh\n# vm NAME [\s\S]*?)```/.exec(readFileSync(DOCS, "utf8")) ?? [];
  expect(script).toContain(`LIBVIRT_DEFAULT_URI=${HYPERVISOR}\n`);
  return script.replace(HYPERVISOR, `'${uri}'`);
}

/** Its machines are no machines, but their states and the refusals are libvirt's own (its test driver). */
describe.skipIf(skip)("libvirtd", { timeout: 60_000 }, () => {
  let dir: string;
  let uri: string;
  let libvirtd: Libvirtd | undefined;
  let holder: ChildProcessByStdio<Writable, Readable, null> | undefined;
  const virsh = (...args: string[]): string =>
    spawnSync("virsh", ["-c", uri, ...args], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C" },
    }).stdout.trim();

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "or-"));
    libvirtd = await startLibvirtd(dir, "test+unix:///default");
    uri = `test+unix:///default?socket=${libvirtd.socket}`;
    // What was done to its machines is kept for as long as somebody is connected.
    holder = spawn("virsh", ["-c", uri], { stdio: ["pipe", "pipe", "ignore"] });
    holder.stdin.write("domstate test\n");
    for (let said = ""; !said.includes("running");) {
      const [text] = (await once(holder.stdout, "data")) as [Buffer];
      said += text.toString();
    }
    writeFileSync(join(dir, "vm"), documentedScript(uri), { mode: 0o755 });
  });
  afterAll(async () => {
    if (holder?.exitCode === null) {
      holder.stdin.end();
      holder.stdout.resume();
      await once(holder, "exit");
    }
    await libvirtd?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  beforeRetry(async () => {
    libvirtd ??= await startLibvirtd(dir, "test+unix:///default");
  });

  const open = (name: string): Promise<PowerPort> =>
    openDriver(
      driver,
      { on: ["vm", name, "on"], off: ["vm", name, "off"], status: ["vm", name, "is-on"] },
      driverContext({ programs: { vm: join(dir, "vm") } }),
    );

  it("is switched by the documented script, and told what it is already without an error", async () => {
    await using port = await open("test");
    expect(await port.read(forever)).toMatchObject({ supply: "On", supplyEvidence: "ReadBack" });
    for (const on of [false, false, true, true]) {
      await port.setSupply(on, forever);
      expect(virsh("domstate", "test")).toBe(on ? "running" : "shut off");
      expect(await port.read(forever)).toMatchObject({ supply: on ? "On" : "Off" });
    }
  });

  it("is read as on while it is paused, and as off once its system has shut it down", async () => {
    await using port = await open("test");
    virsh("suspend", "test");
    expect(await port.read(forever)).toMatchObject({ supply: "On" });
    virsh("resume", "test");
    virsh("shutdown", "test");
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
    await port.setSupply(true, forever);
    expect(virsh("domstate", "test")).toBe("running");
  });

  it("passes on what virsh says of a machine that is not there, and of a libvirt that is away", async () => {
    await using port = await open("nope");
    const absent = await failure(port.read(forever));
    expect(absent).toMatchObject({ name: "PortError", code: "refused" });
    expect(absent.message).toContain("failed to get domain 'nope'");
    expect(await failure(port.setSupply(true, forever))).toMatchObject({ code: "refused" });
    await libvirtd?.stop();
    libvirtd = undefined;
    await using test = await open("test");
    expect((await failure(test.read(forever))).message).toContain("failed to connect");
  });
});

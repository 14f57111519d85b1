import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { openDriver } from "@outrider/ports/driver";
import type { PowerPort } from "@outrider/ports/power-port";
import { mustSkip } from "@outrider/simulators/peers";
import { connectionOf } from "@outrider/transports/virsh";
import { beforeRetry } from "@outrider/testing/before-retry";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { driverContext } from "../testing/context.js";
import { libvirtRig, type LibvirtRig } from "../testing/libvirt-rig.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { failure, forever, openSlot } from "../testing/power-rig.js";
import { lacksSshd, startSshd, type Sshd } from "../testing/sshd.js";
import { driver } from "./libvirt.js";

const skip = mustSkip("power by libvirt", {
  virsh: "libvirt-clients",
  libvirtd: "libvirt-daemon",
  "qemu-system-x86_64": "qemu-system-x86",
  nc: "netcat-openbsd",
});

const KEY = { file: "/etc/outrider/secrets/hypervisor" };
/** Generous, because a machine that boots without KVM shares its processor with all the other tests. */
const BOOTED = { timeout: 30_000, interval: 50 };

describe.skipIf(skip)("libvirtd with machines of QEMU", { timeout: 60_000 }, () => {
  describePowerPort("libvirt", libvirtRig);

  let rig: LibvirtRig;
  let port: PowerPort;
  beforeAll(async () => {
    rig = await libvirtRig();
    port = await openSlot(rig);
  }, 60_000);
  afterAll(async () => {
    await port[Symbol.asyncDispose]();
    await rig[Symbol.asyncDispose]();
  }, 60_000);

  beforeRetry(() => port.setSupply(false, forever));

  const read = (): ReturnType<PowerPort["read"]> => port.read(forever);
  const boots = (): number => rig.console(1).split("Outrider boot").length - 1;
  const booted = (times: number) => expect.poll(boots, BOOTED).toBe(times);
  const open = (options: object): Promise<PowerPort> =>
    openDriver(driver, { domain: "slot-1", ...options }, driverContext());

  it("starts, resets and shuts down a machine, as the machine itself says", async () => {
    await port.setSupply(true, forever);
    await booted(1);
    await port.native.ForceRestart?.(forever);
    await booted(2);
    await port.native.GracefulShutdown?.(forever);
    await expect.poll(async () => (await read()).supply, BOOTED).toBe("Off");
    expect(rig.console(1)).toMatch(/off\s*$/);
    expect(await read()).toEqual({
      supply: "Off",
      supplyEvidence: "ReadBack",
      host: "Halted",
      hostEvidence: "Assumed",
    });
  });

  it("lets a machine that has panicked run again by a reset", async () => {
    await port.setSupply(true, forever);
    await booted(1);
    await port.native.Nmi?.(forever);
    await expect.poll(async () => (await read()).problem, BOOTED).toBe("The host panicked.");
    expect(await read()).toMatchObject({ supply: "On", host: "Halted" });
    await port.native.ForceRestart?.(forever);
    await booted(2);
    expect(await read()).toMatchObject({ supply: "On", host: "Running" });
    await port.setSupply(false, forever);
  });

  it("says of a paused machine that it is on, who can let it run on, and takes no action for done", async () => {
    await port.setSupply(true, forever);
    await rig.virsh("suspend", "slot-1");
    expect(await read()).toMatchObject({
      supply: "On",
      host: "Unknown",
      problem: "The machine is paused: somebody has paused it. virsh resume lets it run on.",
    });
    for (const act of Object.values(port.native)) {
      const error = await failure(act(forever));
      expect(error.code).toBe("refused");
      expect(error.message).toContain("Resume it (virsh resume)");
    }
    await port.setSupply(true, forever);
    expect(await rig.virsh("domstate", "slot-1")).toBe("paused");
    await port.setSupply(false, forever);
    expect(await rig.virsh("domstate", "slot-1")).toBe("shut off");
  });

  it("says of a machine that was saved, and of one that was killed, why it is off", async () => {
    await port.setSupply(true, forever);
    await rig.virsh("managedsave", "slot-1");
    expect(await read()).toMatchObject({
      supply: "Off",
      problem: expect.stringContaining("saved"),
    });
    await port.setSupply(true, forever);
    expect(await read()).toMatchObject({ supply: "On", host: "Running" });
    await rig.loseSupply(1);
    expect(await read()).toMatchObject({ supply: "Off", problem: "It has crashed." });
  });

  it("asks for all machines at once", async () => {
    await using other = await openSlot(rig, 2);
    const readings = await Promise.all([port, other, port].map((one) => one.read(forever)));
    expect(readings.map(({ supply }) => supply)).toEqual(["Off", "Off", "Off"]);
  });

  it("says what the hypervisor says when a machine cannot be started", async () => {
    // Gone already where this is another try.
    await rig.virsh("undefine", "slot-2").catch(() => undefined);
    await using gone = await openSlot(rig, 2);
    const error = await failure(gone.setSupply(true, forever));
    expect(error).toMatchObject({ name: "PortError", code: "invalid-options" });
    expect(error.message).toContain("has no machine slot-2. Correct the option domain");
  });

  it("says that nobody listens, and never starts a libvirt of its own", async () => {
    await using nobody = await open({ uri: "qemu:///session", socket: `${rig.dir}/none.sock` });
    const error = await failure(nobody.read(forever));
    expect(error).toMatchObject({ code: "unreachable" });
    expect(error.message).toContain(`${rig.dir}/none.sock`);
    expect(error.message).toContain("Check that its daemon runs");
  });

  it("says what is missing for another way to a libvirt", async () => {
    await using tls = await open({ uri: "qemu+tls://127.0.0.1:1/system" });
    expect(["invalid-options", "unreachable"]).toContain((await failure(tls.read(forever))).code);
  });

  describe.skipIf(lacksSshd("power by libvirt over SSH"))("over SSH", () => {
    let sshd: Sshd;
    let login: { readonly privateKey: string; readonly publicKey: string };
    beforeAll(async () => {
      sshd = await startSshd();
      login = sshd.newKey("login");
      // As a site restricts it: the key can do nothing but speak to libvirt.
      const command = `nc -U ${rig.dir}/home/libvirt-sock`;
      sshd.authorize(`restrict,command="${command}" ${login.publicKey}`);
    });
    afterAll(() => sshd[Symbol.asyncDispose]());

    const bySsh = (rest: object = {}, privateKey = login.privateKey): Promise<PowerPort> => {
      const uri = `qemu+ssh://${sshd.user}@127.0.0.1:${sshd.port}/session`;
      const socket = `${rig.dir}/home/libvirt-sock`;
      const options = { uri, socket, domain: "slot-1", hostKey: sshd.hostKey, key: KEY, ...rest };
      return openDriver(driver, options, driverContext({ secrets: { [KEY.file]: privateKey } }));
    };

    it("switches a machine of another host, and leaves no key behind", async () => {
      const before = readdirSync(tmpdir()).filter((name) => name.startsWith("outrider-ssh-"));
      await using over = await bySsh();
      await over.setSupply(true, forever);
      expect(await rig.virsh("domstate", "slot-1")).toBe("running");
      expect(await over.read(forever)).toMatchObject({ supply: "On", host: "Running" });
      await over.setSupply(false, forever);
      expect(await rig.virsh("domstate", "slot-1")).toBe("shut off");
      const after = readdirSync(tmpdir()).filter((name) => name.startsWith("outrider-ssh-"));
      expect(after.filter((name) => !before.includes(name))).toEqual([]);
    });

    it("believes no host with another key, and says which is let in nowhere", async () => {
      await using other = await bySsh({ hostKey: sshd.newKey("other").publicKey });
      const host = await failure(other.read(forever));
      expect(host).toMatchObject({ code: "refused" });
      expect(host.message).toContain("the host has another key than the endpoint says");
      for (const key of [sshd.newKey("unknown").privateKey, "canary-that-is-no-key"]) {
        await using unknown = await bySsh({}, key);
        const error = await failure(unknown.read(forever));
        expect(error).toMatchObject({ code: "refused" });
        expect(error.message).toContain("does not let the user in with this key");
        expect(`${error.message} ${error.stack}`).not.toContain("canary");
      }
    });

    it("is timed out at a host that hangs, and unreachable where nobody listens", async () => {
      await using over = await bySsh();
      onTestFinished(() => sshd.freeze(false));
      sshd.freeze(true);
      expect(await failure(over.read(AbortSignal.timeout(500)))).toMatchObject({
        code: "timed-out",
      });
      sshd.freeze(false);
      await using nobody = await bySsh({ uri: `qemu+ssh://${sshd.user}@127.0.0.1:1/session` });
      const error = await failure(nobody.read(forever));
      expect(error).toMatchObject({ code: "unreachable" });
      expect(error.message).toContain("127.0.0.1:1': Connection refused");
    });

    it.each([
      { key: undefined },
      { hostKey: undefined },
      { uri: "qemu+ssh://127.0.0.1/system" },
      { uri: "qemu:///system" },
    ])("is not tried with half of what it needs: %j", async (rest) => {
      expect(await failure(bySsh(rest))).toMatchObject({ code: "invalid-options" });
    });
  });
});

describe("where a libvirt is", () => {
  it.each([
    "qemu+ext:///system",
    "qemu+ssh://host/system?command=/tmp/evil",
    "qemu+ssh://host/system?netcat=/tmp/evil",
    "qemu+ssh://-oProxyCommand=evil/system",
    "qemu+ssh://host/system#x",
    "qemu+tcp://host/system",
    "qemu:///embed?root=/",
    "qemu:///embed",
    "alias",
    "esx://host/",
    "qemu:///system\n",
  ])("is never %j: a site file names no programs", async (uri) => {
    const opening = openDriver(driver, { uri, domain: "vm1" }, driverContext());
    expect(await failure(opening)).toMatchObject({ code: "invalid-options" });
  });

  it.each(["7", "--help", "a b", "a;b", "", "a\nb"])("is no machine %j", async (domain) => {
    const opening = openDriver(driver, { uri: "qemu:///system", domain }, driverContext());
    expect(await failure(opening)).toMatchObject({ code: "invalid-options" });
  });

  it("is told to virsh so that nobody is asked for anything", () => {
    expect(connectionOf({ uri: "qemu:///system" })).toBe("qemu:///system");
    expect(connectionOf({ uri: "qemu:///system", socket: "/run/a+b" })).toBe(
      "qemu+unix:///system?socket=%2Frun%2Fa%2Bb",
    );
    expect(connectionOf({ uri: "qemu+ssh://u@h/system" }, "/tmp/x")).toBe(
      "qemu+libssh://u@h/system?keyfile=%2Ftmp%2Fx%2Fkey&known_hosts=%2Ftmp%2Fx%2Fknown&known_hosts_verify=normal&sshauth=privkey&no_tty=1",
    );
  });
});

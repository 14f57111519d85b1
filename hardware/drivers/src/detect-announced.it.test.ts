import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { check } from "@outrider/contracts/codec";
import { mustSkip } from "@outrider/simulators/peers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AnnouncedProposal } from "./detect-announced.js";
import { loadDriver } from "./registry.js";

const PROGRAM = fileURLToPath(new URL("testing/detect-announced-here.js", import.meta.url));
const OWN = "10.77.0.1";
const AVAHI = "avahi-daemon";
const isolated = spawnSync("unshare", ["--net", "--mount", "true"]).status === 0;
const skip = mustSkip(
  "Finding what announces itself by mDNS",
  { [AVAHI]: AVAHI, ip: "iproute2", unshare: "util-linux", mount: "mount" },
  isolated ? {} : { problem: "It needs root, for a network of its own." },
);

describe.skipIf(skip)("what avahi announces", { timeout: 60_000 }, () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "or-"));
    mkdirSync(join(dir, "etc", "services"), { recursive: true });
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** With an avahi-daemon in a network that has nobody else. */
  async function found(server = ""): Promise<{ proposals: AnnouncedProposal[]; failed: string[] }> {
    writeFileSync(
      join(dir, "conf"),
      `[server]\nhost-name=node-1\nuse-ipv6=no\nenable-dbus=no\n${server}\n[publish]\npublish-workstation=yes\n`,
    );
    const script = `set -e
ip link set lo up
ip link add v0 address d8:3a:dd:00:00:01 type veth peer name v1
ip address add ${OWN}/24 dev v0
ip link set v0 up
ip link set v1 up
mount --bind "$1/etc" /etc/avahi
mount -t tmpfs tmpfs /run
avahi-daemon --no-drop-root --no-chroot --no-rlimits -f "$1/conf" >"$1/log" 2>&1 &
avahi=$!
for try in $(seq 200); do grep -q "startup complete" "$1/log" && break; sleep 0.05; done
for try in $(seq 200); do [ "$(grep -c "successfully established" "$1/log")" -ge "$4" ] && break; sleep 0.05; done
"$2" "$3" ${OWN}
kill $avahi
wait $avahi || true`;
    const services = String(spawnSync("ls", [join(dir, "etc", "services")]).stdout).trim();
    const count = services === "" ? 0 : services.split("\n").length;
    const args = ["--net", "--mount", "sh", "-c", script, "sh", dir, process.execPath, PROGRAM];
    const { stdout } = await promisify(execFile)("unshare", [...args, String(count)]);
    return JSON.parse(stdout) as { proposals: AnnouncedProposal[]; failed: string[] };
  }

  /** A service of a host that avahi speaks for, as a plug does for itself. */
  function announce(
    host: string,
    address: string,
    type: string,
    port: number,
    texts: string[] = [],
  ) {
    writeFileSync(join(dir, "etc", "hosts"), `${address} ${host}.local\n`, { flag: "a" });
    const records = texts.map((text) => `<txt-record>${text}</txt-record>`).join("");
    writeFileSync(
      join(dir, "etc", "services", `${host}-${type}.service`),
      `<?xml version="1.0"?><!DOCTYPE service-group SYSTEM "avahi-service.dtd"><service-group>
<name>${host}</name><service><type>${type}</type><host-name>${host}.local</host-name><port>${port}</port>${records}</service></service-group>`,
    );
  }

  it("is proposed, in options that the drivers take, with what nobody can know from it", async () => {
    announce("shellyplus1-a8032ab1c2d3", "10.77.0.31", "_shelly._tcp", 80, ["gen=2", "app=Plus1"]);
    announce("shelly1-98cdac000001", "10.77.0.32", "_http._tcp", 80, ["id=shelly1-98cdac000001"]);
    announce("tasmota-A1B2C3-0707", "10.77.0.33", "_http._tcp", 80);
    announce("rack-plug", "10.77.0.34", "_esphomelib._tcp", 6053, ["version=2026.1.0"]);
    announce("homeassistant", "10.77.0.35", "_home-assistant._tcp", 8123, ["location_name=Home"]);
    announce("printer", "10.77.0.36", "_http._tcp", 80);
    announce("node-2", "10.77.0.37", "_ssh._tcp", 2222);
    const { proposals, failed } = await found();
    expect(failed).toEqual([]);
    expect(
      Object.fromEntries(proposals.map((one) => [`${one.host} ${one.driver}`, one.options])),
    ).toEqual({
      "node-1 ping": { host: OWN },
      "node-2 ssh-banner": { host: "10.77.0.37", port: 2222 },
      "shellyplus1-a8032ab1c2d3 shelly": { url: "http://10.77.0.31", generation: 2 },
      "shelly1-98cdac000001 shelly": { url: "http://10.77.0.32", generation: 1 },
      "tasmota-a1b2c3-0707 tasmota": {
        broker: "mqtt://broker.example:1883",
        topic: "tasmota_A1B2C3",
      },
      "rack-plug esphome": { url: "http://10.77.0.34", switch: "relay" },
      "homeassistant home-assistant": {
        url: "http://10.77.0.35:8123",
        entity: "switch.example",
        token: { file: "/etc/outrider/secrets/home-assistant" },
      },
    });
    for (const { port, driver, options } of proposals) {
      const { options: type } = await loadDriver(port, driver);
      expect(check(type, options, true), driver).toMatchObject({ ok: true });
    }
    const [workstation] = proposals;
    expect(workstation).toMatchObject({ driver: "ping", mac: "d8:3a:dd:00:00:01" });
    // avahi speaks for them all from its own address.
    expect(proposals.find(({ driver }) => driver === "shelly")?.why).toContain(
      `shellyplus1-a8032ab1c2d3.local (10.77.0.31, as ${OWN} says) announces a Shelly by mDNS (Plus1, generation 2)`,
    );
  });

  it("is nothing where nobody announces anything", async () => {
    const { proposals, failed } = await found("allow-interfaces=lo");
    expect({ proposals, failed }).toEqual({ proposals: [], failed: [] });
  });
});

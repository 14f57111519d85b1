// npm test: everything that must hold. `npm test -- unit` (integration, e2e, static) runs a part.
import { installPeers } from "./peers.mjs";
import { build, environment, installPackages, must, node24, stop } from "./prepare.mjs";

const PARTS = ["static", "unit", "integration", "e2e"];

/** Real peers of the tests, by Debian package, with a program or file that shows the package is there. */
const PEERS = {
  mosquitto: "/usr/sbin/mosquitto",
  "mosquitto-clients": "/usr/bin/mosquitto_pub",
  "qemu-system-x86": "/usr/bin/qemu-system-x86_64",
  "qemu-system-arm": "/usr/bin/qemu-system-aarch64",
  "u-boot-qemu": "/usr/lib/u-boot/qemu_arm64/u-boot.bin",
  "busybox-static": "/bin/busybox",
  e2fsprogs: "/sbin/mke2fs",
  faketime: "/usr/bin/faketime",
  strace: "/usr/bin/strace",
  systemd: "/usr/bin/systemd-analyze",
  chromium: "/usr/bin/chromium",
  "util-linux": "/usr/bin/prlimit",
  lz4: "/usr/bin/lz4",
  postgresql: "/usr/bin/psql",
  "xz-utils": "/usr/bin/xz",
  zstd: "/usr/bin/zstd",
  "python3-venv": "/usr/share/doc/python3-venv",
  zsh: "/usr/bin/zsh",
  fish: "/usr/bin/fish",
  "openssh-client": "/usr/bin/ssh",
  "openssh-server": "/usr/sbin/sshd",
  "iputils-ping": "/usr/bin/ping",
  "dropbear-bin": "/usr/bin/dbclient",
  "putty-tools": "/usr/bin/plink",
  ipmitool: "/usr/bin/ipmitool",
  openipmi: "/usr/bin/ipmi_sim",
  "libvirt-clients": "/usr/bin/virsh",
  "libvirt-daemon": "/usr/sbin/libvirtd",
  "libvirt-daemon-driver-qemu": "/usr/share/doc/libvirt-daemon-driver-qemu",
  telnet: "/usr/bin/telnet",
  expect: "/usr/bin/expect",
  socat: "/usr/bin/socat",
  "netcat-openbsd": "/usr/bin/nc",
  ser2net: "/usr/sbin/ser2net",
  prometheus: "/usr/bin/promtool",
  influxdb: "/usr/bin/influxd",
  "victoria-metrics": "/usr/bin/victoria-metrics",
  snmpd: "/usr/sbin/snmpd",
  snmp: "/usr/bin/snmpwalk",
  "avahi-daemon": "/usr/sbin/avahi-daemon",
  smartmontools: "/usr/sbin/smartctl",
  iproute2: "/sbin/ip",
  "gensio-bin": "/usr/bin/gensiot",
  "python3-aiosmtpd": "/usr/bin/aiosmtpd",
  "python3-serial": "/usr/lib/python3/dist-packages/serial/rfc2217.py",
  // Packages that a person may build: none of ours needs a compiler.
  "g++": "/usr/bin/g++",
  make: "/usr/bin/make",
};

const asked = process.argv.slice(2).filter((one) => PARTS.includes(one));
const rest = process.argv.slice(2).filter((one) => !PARTS.includes(one));
const parts = asked.length > 0 ? asked : PARTS;

installPackages();
const node = node24();
const env = environment(node);
if (process.env.CI) env.OUTRIDER_REQUIRE_PEERS = "1";
if (parts.includes("integration") || parts.includes("e2e")) {
  const message = installPeers(PEERS, "tests are run against", env);
  if (message && env.OUTRIDER_REQUIRE_PEERS) stop(message);
  if (message) {
    console.error(`\noutrider: ${message}\noutrider: the tests that need it are SKIPPED.\n`);
  }
}
build();

if (parts.includes("static")) {
  must("oxfmt", ["--check", "."], { env });
  must("oxlint", ["--type-aware", "--deny-warnings", "."], { env });
  must(
    "sh",
    [
      "-c",
      "depcruise --config .dependency-cruiser.mjs libs/*/src services/*/src broker/src hardware/*/src apps/*/src dashboards/src e2e/src",
    ],
    { env },
  );
  must(node, ["deploy/check-declared.mjs"], { env });
  must(node, ["deploy/check-promises.mjs"], { env });
  must(node, ["deploy/write-architecture.mjs", "--check"], { env });
}
const projects = parts.filter((one) => one !== "static").flatMap((one) => ["--project", one]);
if (projects.length > 0) must("vitest", ["run", ...projects, ...rest], { env });

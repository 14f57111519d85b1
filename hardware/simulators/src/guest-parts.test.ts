import { expect, test } from "vitest";
import { bootSector } from "./boot-sector.js";
import { readChassisSpec } from "./chassis-spec.js";
import { checkSocketPath, parseListen } from "./listen-address.js";
import { newcArchive } from "./newc.js";
import { qemuArguments } from "./qemu-command.js";
import { extractVmlinux, unpackLz4Block } from "./vmlinux.js";

test("LZ4 blocks unpack: literals, a run that overlaps itself, lengths over 15", () => {
  // "ab", then 18 bytes from 2 back (4 + 14), then one literal.
  const run = Buffer.from([0x2e, 0x61, 0x62, 0x02, 0x00, 0x10, 0x21]);
  const out = Buffer.alloc(64);
  expect(out.toString("latin1", 0, unpackLz4Block(run, out))).toBe(`${"ab".repeat(10)}!`);
  // 15 + 255 + 3 literals and nothing else.
  const long = Buffer.concat([Buffer.from([0xf0, 255, 3]), Buffer.alloc(273, "z")]);
  const wide = Buffer.alloc(300);
  expect(wide.toString("latin1", 0, unpackLz4Block(long, wide))).toBe("z".repeat(273));
});

test("a kernel image of another make is left as it is", () => {
  expect(extractVmlinux(Buffer.alloc(10_000))).toBeUndefined();
  expect(extractVmlinux(Buffer.alloc(3))).toBeUndefined();
});

test("a newc archive has aligned records and a trailer", () => {
  const archive = newcArchive([
    { path: "bin", kind: "directory" },
    { path: "bin/a", kind: "file", content: "hello", executable: true },
    { path: "bin/b", kind: "link", target: "a" },
  ]);
  const seen: string[] = [];
  for (let at = 0; at < archive.length;) {
    const field = (index: number): number =>
      Number.parseInt(archive.toString("latin1", at + 6 + index * 8, at + 14 + index * 8), 16);
    expect(archive.toString("latin1", at, at + 6)).toBe("070701");
    const nameEnd = at + 110 + field(11);
    const start = (nameEnd + 3) & ~3;
    const content = archive.toString("latin1", start, start + field(6));
    seen.push(
      `${archive.toString("latin1", at + 110, nameEnd - 1)} ${field(1).toString(8)} ${content}`,
    );
    at = (start + field(6) + 3) & ~3;
  }
  expect(seen).toEqual(["bin 40755 ", "bin/a 100755 hello", "bin/b 120777 a", "TRAILER!!! 0 "]);
});

test("a boot sector has its signature, and one word of difference for the button", () => {
  const [plain, acpi] = [bootSector({ button: false }), bootSector({ button: true })];
  expect([plain.length, plain.readUInt16LE(510)]).toEqual([512, 0xaa55]);
  expect(plain.toString("latin1")).toContain("Outrider boot \0");
  expect([...plain.keys()].filter((at) => plain[at] !== acpi[at])).toEqual([0x1ef]);
});

test("a directory with a comma or a space cannot add options to QEMU", () => {
  const args = qemuArguments({ dir: "/a, b=c", slot: 1, flavour: "bios", disk: "/a, b=c/d" });
  expect(args).toContain("guest=/a,, b=c/slot-1");
  expect(args).toContain("file=/a,, b=c/d,format=raw,if=virtio");
});

test.each([
  [{}, /expected a list/],
  [[], /expected a list/],
  [[{ flavour: "bios" }, { flavour: "dos" }], /Slots\[1\]/],
  [[{ flavour: "bios", memory: 1 }], /nothing else/],
])("slots of the wrong shape are refused: %j", (json, message) => {
  expect(() => readChassisSpec(json)).toThrow(message);
});

test("only the loopback interface and paths that fit are listened on", () => {
  expect(parseListen("127.0.0.1:0")).toEqual({ kind: "tcp", host: "127.0.0.1", port: 0 });
  expect(parseListen("/run/a:1.sock")).toEqual({ kind: "unix", path: "/run/a:1.sock" });
  for (const text of ["0.0.0.0:80", ":80", "127.0.0.1:99999", "[::]:80"]) {
    expect(() => parseListen(text)).toThrow(/expected 127\.0\.0\.1/);
  }
  expect(checkSocketPath("x".repeat(107))).toHaveLength(107);
  expect(() => checkSocketPath("x".repeat(108))).toThrow(/shorter directory/);
});

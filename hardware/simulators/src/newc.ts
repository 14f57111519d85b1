/** One entry of an archive. Parent directories come first and are named by the caller. */
export type ArchiveEntry =
  | { readonly path: string; readonly kind: "directory" }
  | { readonly path: string; readonly kind: "link"; readonly target: string }
  | {
      readonly path: string;
      readonly kind: "file";
      readonly content: Buffer | string;
      readonly executable?: boolean;
    }
  | {
      readonly path: string;
      readonly kind: "character-device";
      readonly major: number;
      readonly minor: number;
    };

const MODE = { directory: 0o040755, link: 0o120777, file: 0o100644, "character-device": 0o020600 };

/** A cpio archive in the `newc` format, which the Linux kernel takes as initramfs (Documentation/driver-api/early-userspace/buffer-format). */
export function newcArchive(entries: readonly ArchiveEntry[]): Buffer {
  const parts = entries.map((entry, index) => {
    const executable = entry.kind === "file" && entry.executable === true ? 0o111 : 0;
    const device = entry.kind === "character-device" ? entry : undefined;
    return record(entry.path, contentOf(entry), {
      inode: index + 1,
      mode: MODE[entry.kind] | executable,
      major: device?.major ?? 0,
      minor: device?.minor ?? 0,
    });
  });
  const end = record("TRAILER!!!", Buffer.alloc(0), { inode: 0, mode: 0, major: 0, minor: 0 });
  return Buffer.concat([...parts, end]);
}

function contentOf(entry: ArchiveEntry): Buffer {
  if (entry.kind === "link") return Buffer.from(entry.target);
  return entry.kind === "file" ? Buffer.from(entry.content) : Buffer.alloc(0);
}

interface RecordHead {
  readonly inode: number;
  readonly mode: number;
  readonly major: number;
  readonly minor: number;
}

function record(path: string, content: Buffer, head: RecordHead): Buffer {
  const name = Buffer.from(`${path}\0`);
  // c_ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [
    head.inode,
    head.mode,
    0,
    0,
    1,
    0,
    content.length,
    0,
    0,
    head.major,
    head.minor,
    name.length,
    0,
  ];
  const header = fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  return Buffer.concat([
    padded(Buffer.concat([Buffer.from(`070701${header}`), name])),
    padded(content),
  ]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

import { execFileSync } from "node:child_process";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A small file system at a folder, which can be filled and emptied. */
export class Disk implements Disposable {
  private constructor(private readonly folder: string) {}

  /** @param size as `mount` has it: `64m` */
  static mount(folder: string, size: string): Disk {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=755`, "tmpfs", folder]);
    return new Disk(folder);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  /** Leaves not a byte. */
  fill(): void {
    for (let part = 0; this.freeBytes > 0; part++) {
      try {
        writeFileSync(this.#ballast(part), Buffer.alloc(Math.min(this.freeBytes, 16_777_216)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    }
  }

  /** Gives back what was filled. */
  clear(): void {
    for (let part = 0; part < 1000; part++) rmSync(this.#ballast(part), { force: true });
  }

  [Symbol.dispose](): void {
    execFileSync("umount", ["--lazy", this.folder]);
  }

  #ballast(part: number): string {
    return join(this.folder, `ballast-${part}`);
  }
}

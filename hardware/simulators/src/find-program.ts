import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where a program of the operating system is, or undefined. Looks in `PATH` and in the places of administrators' tools. */
export function findProgram(name: string): string | undefined {
  const dirs = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return dirs
    .filter((dir) => dir !== "")
    .map((dir) => join(dir, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

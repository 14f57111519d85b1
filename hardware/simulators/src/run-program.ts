import { spawn } from "node:child_process";
import { findProgram } from "./find-program.js";

export interface RunOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal;
}

/**
 * Runs a program of the operating system to its end.
 * @returns its standard output
 * @throws Error with its standard error when it is missing or fails
 */
export async function runProgram(
  name: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Buffer> {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is not installed.`);
  const child = spawn(path, args, {
    ...options,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, LC_ALL: "C" },
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) {
    const words = Buffer.concat(err).toString("utf8").trim();
    throw new Error(`${name} ${args.join(" ")} failed: ${words || `exit code ${code}`}`);
  }
  return Buffer.concat(out);
}

import { spawn } from "node:child_process";

export interface Ran {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: Uint8Array | string;
  readonly env?: Readonly<Record<string, string>>;
  readonly withinMs?: number;
}

/** Runs a program to its end. Killed, and an error with what it said, when it does not end in time. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { input, env = {}, withinMs = 60_000 }: RunOptions = {},
): Promise<Ran> {
  const child = spawn(command, args, { env: { ...process.env, ...env } });
  const out: Buffer[] = [];
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("latin1")));
  child.stdin.on("error", () => undefined);
  child.stdin.end(input ?? "");
  const timer = setTimeout(() => child.kill("SIGKILL"), withinMs);
  const { code, signal } = await new Promise<{ code: number | null; signal: string | null }>(
    (resolve, reject) => {
      child.once("error", reject);
      child.once("close", (ended, by) => resolve({ code: ended, signal: by }));
    },
  );
  clearTimeout(timer);
  const stdout = Buffer.concat(out);
  if (signal !== null) {
    throw new Error(`${command} did not end in time:\n${stdout.toString("latin1")}\n${stderr}`);
  }
  return { code, stdout, stderr };
}

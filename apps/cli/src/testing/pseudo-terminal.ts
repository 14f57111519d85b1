import { spawn } from "node:child_process";
import { once } from "node:events";
import { eventually } from "@outrider/testing/eventually";

/** Runs a program at a pseudo terminal of its own and says how it left that: Node has no call for one. */
const PYTHON = `
import fcntl, json, os, pty, select, sys, termios
master, slave = pty.openpty()
before = termios.tcgetattr(slave)
child = os.fork()
if child == 0:
    os.close(master)
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.execvp(sys.argv[1], sys.argv[1:])
os.write(2, json.dumps({"pid": child}).encode() + b"\\n")
sources = [0, master]
status = None
while True:
    ready, _, _ = select.select(sources, [], [], 0.05)
    if 0 in ready:
        typed = os.read(0, 65536)
        if typed:
            os.write(master, typed)
        else:
            sources.remove(0)
    if master in ready:
        os.write(1, os.read(master, 65536))
    elif status is not None:
        break
    if status is None:
        ended, how = os.waitpid(child, os.WNOHANG)
        if ended:
            status = how
after = termios.tcgetattr(slave)
code = os.waitstatus_to_exitcode(status)
os.write(2, json.dumps({"code": code, "restored": after == before}).encode() + b"\\n")
`;

/** A program at a terminal. */
export interface AtTerminal extends AsyncDisposable {
  readonly pid: number;
  /** What the terminal was sent. */
  shown(): string;
  shows(text: string): Promise<void>;
  type(text: string): void;
  /** How it ended: negative for a signal; and whether the terminal is as it was. */
  readonly ended: Promise<{ readonly code: number; readonly restored: boolean }>;
}

export async function atTerminal(
  command: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<AtTerminal> {
  const child = spawn("python3", ["-c", PYTHON, ...command], {
    env: environment,
    stdio: ["pipe", "pipe", "pipe"],
  });
  let shown = "";
  let told = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (shown += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (told += text));
  const closed = once(child, "close");
  const first = await eventually("it runs", () => /^\{"pid": (\d+)\}$/m.exec(told));
  const ended = closed.then(() => {
    const line = told.split("\n").find((one) => one.includes('"code"')) ?? "";
    if (line === "") throw new Error(`no end was told: ${told}`);
    return JSON.parse(line) as { code: number; restored: boolean };
  });
  ended.catch(() => undefined);
  return {
    pid: Number(first[1]),
    shown: () => shown,
    shows: async (text) => {
      await eventually(`the terminal shows ${JSON.stringify(text)}`, () =>
        shown.includes(text),
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}; it shows ${JSON.stringify(shown)}`, { cause: error });
      });
    },
    type: (text) => void child.stdin.write(text),
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

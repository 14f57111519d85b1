import { findProgram } from "@outrider/testing/peers";
import { PYTHON } from "./python.js";
import { runProgram } from "./run-program.js";

/** Bytes that tell their place, so that a hole or a turn in them is seen. None of them is one of telnet's. */
export function someBytes(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => 32 + ((at * 7 + (at >> 8)) % 95)));
}

/** Programs that type something and are gone, as those who write scripts use them. */
export const GOING_AT_ONCE = {
  "nc -N": async (port: number, input: Buffer): Promise<void> => {
    const nc = findProgram("nc") ?? "nc";
    await runProgram(nc, ["-N", "127.0.0.1", String(port)], { input });
  },
  "bash's /dev/tcp": async (port: number, input: Buffer): Promise<void> => {
    await runProgram("bash", ["-c", `cat > /dev/tcp/127.0.0.1/${port}`], { input });
  },
} as const;

/** pyserial on an RFC 2217 port: writes and closes. */
export async function pyserialGoes(port: number, input: Buffer): Promise<void> {
  const script = `
import serial, sys
data = sys.stdin.buffer.read()
port = serial.serial_for_url('rfc2217://127.0.0.1:${port}', timeout=10)
port.write(data)
port.close()`;
  const ran = await runProgram(PYTHON, ["-c", script], { input });
  if (ran.code !== 0) throw new Error(ran.stderr);
}

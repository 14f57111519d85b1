import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import type { ControlLines, LineSettings } from "@outrider/ports/console-port";
import { milliseconds, type Clock } from "@outrider/ports/time";
import { SerialPort } from "@outrider/transports/serial-port";

/**
 * Runs inside a virtual machine, on a real UART: opens it as the serial driver does, tells on its own console what it
 * hears, and does what it is told there. Lines that begin with `@` are its words.
 */
export type GuestCommand =
  | {
      readonly do: "open";
      readonly path: string;
      readonly settings: LineSettings;
      readonly control: Partial<ControlLines>;
    }
  | { readonly do: "close" }
  | { readonly do: "write"; readonly base64: string }
  | { readonly do: "break"; readonly ms: number }
  | { readonly do: "control"; readonly lines: Partial<ControlLines> }
  | { readonly do: "settings"; readonly settings: LineSettings };

const clock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (span, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, span);
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      });
    }),
  every: (span, run) => {
    const timer = setInterval(run, span);
    return () => clearInterval(timer);
  },
};

const say = (message: object): void => void writeSync(1, `@${JSON.stringify(message)}\n`);
const never = new AbortController().signal;
let port: SerialPort | undefined;

async function obey(command: GuestCommand): Promise<unknown> {
  switch (command.do) {
    case "open": {
      const { path, settings, control } = command;
      port = await SerialPort.open(
        {
          path,
          what: `The serial port ${path}`,
          clock,
          settings,
          control,
          garbled: (bytes) => say({ garbled: bytes }),
        },
        {
          bytes: (chunk) => say({ bytes: chunk.toString("base64") }),
          lost: (loss) => say({ lost: { bytes: loss.bytes ?? null, reason: loss.reason } }),
          link: () => {},
          modem: (lines) => say({ modem: lines }),
          broke: () => say({ broke: true }),
        },
      );
      return { hasModem: port.hasModem };
    }
    case "close":
      await port?.[Symbol.asyncDispose]();
      port = undefined;
      return undefined;
    case "write":
      return port?.write(Buffer.from(command.base64, "base64"), never);
    case "break":
      return port?.sendBreak(milliseconds(command.ms), never);
    case "control":
      return port?.setControl(command.lines);
    case "settings":
      return port?.setLine(command.settings);
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  if (!line.startsWith("{")) return;
  obey(JSON.parse(line) as GuestCommand).then(
    (answer) => say({ answer: answer ?? null }),
    (error: Error) => say({ error: error.message }),
  );
});
say({ ready: true });

import { defineDriver, type DriverLog } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { seconds } from "@outrider/ports/time";
import { ReconnectingLine } from "@outrider/transports/reconnecting-line";
import type { SerialPort } from "@outrider/transports/serial-port";
import { encodeSettings, TERMIOS_BYTES } from "@outrider/transports/serial-settings";
import type { ConsolePort } from "@outrider/ports/console-port";
import { Matches } from "class-validator";
import { controlOf, LineOptions, settingsOf } from "../line-options.js";

/** A serial port of the agent's host. */
export class SerialConsoleOptions extends LineOptions {
  /** `/dev/serial/by-path/…` names the socket that an adapter is plugged into; `/dev/ttyAMA0` a port of the board. */
  @Matches(/^\/.{1,254}$/)
  path!: string;
}

const ACT_DEADLINE = seconds(2);

export const driver = defineDriver({
  port: "console",
  driver: "serial",
  summary: "A serial port of the agent's host: a UART, a USB adapter, or a pseudo terminal.",
  actions: ["GracefulShutdown"],
  options: SerialConsoleOptions,
  exclusive: ["path"],
  resource: { kind: "serial", options: ["path"] },
  example: {
    options: {
      path: "/dev/serial/by-path/platform-xhci-hcd.0-usb-0:1.2:1.0-port0",
      baudRate: 115_200,
    },
  },
  proof: "a 16550 of QEMU 7.2 in a Linux 6.1 guest",
  open: async (options, { clock, log }) => {
    const what = `The serial port ${options.path}`;
    const declaredLine = settingsOf(options);
    const control = controlOf(options);
    let settings = declaredLine;
    // What no port can do is said at once, not when the port is opened.
    encodeSettings(Buffer.alloc(TERMIOS_BYTES), settings);
    let hasModem = true;
    const line = new ReconnectingLine({
      clock,
      what,
      open: async (listener) => {
        const Opened = await loadSerialPort(what);
        const garbled = garbledLog(log, options.path);
        const port = await Opened.open(
          { path: options.path, what, clock, settings, control, garbled },
          listener,
        );
        hasModem = port.hasModem;
        return port;
      },
    });
    const act = (name: string, signal: AbortSignal, work: (port: SerialPort) => void) =>
      line.within(ACT_DEADLINE, signal, name, async () => work(line.open));
    const port: ConsolePort = {
      start: (listener) => line.start(listener),
      write: (bytes, signal) => line.write(bytes, signal),
      writeNow: (bytes) => line.writeNow(bytes),
      device: options.path,
      get line() {
        return settings;
      },
      declaredLine,
      declaredControl: control,
      setLine: (wanted, signal) =>
        act("settings", signal, (open) => {
          open.setLine(wanted);
          settings = wanted;
        }),
      purge: (which, signal) => act("purge", signal, (open) => open.discard(which)),
      // A pseudo terminal has neither; before it was opened once, a port is taken for a real one.
      get sendBreak() {
        return hasModem ? sendBreak : undefined;
      },
      get setControl() {
        return hasModem ? setControl : undefined;
      },
      [Symbol.asyncDispose]: () => line[Symbol.asyncDispose](),
    };
    const sendBreak: ConsolePort["sendBreak"] = async (duration, signal) => {
      signal.throwIfAborted();
      await line.open.sendBreak(duration, signal);
    };
    const setControl: ConsolePort["setControl"] = (lines, signal) =>
      act("control lines", signal, (open) => open.setControl(lines));
    return port;
  },
});

/** Only where there is a serial port the agent needs what is built for its processor. */
async function loadSerialPort(what: string): Promise<typeof SerialPort> {
  try {
    return (await import("@outrider/transports/serial-port")).SerialPort;
  } catch (cause) {
    throw new PortError(
      "unsupported",
      `${what} cannot be used here: the libraries for serial ports do not load on this system (${process.platform}, ${process.arch}). Install Outrider again on this host, or choose another agent.`,
      { cause },
    );
  }
}

/** Says once for each time that the port was opened that its settings are likely wrong. */
function garbledLog(log: DriverLog, path: string): (bytes: number) => void {
  let said = false;
  return (bytes) => {
    if (said) return;
    said = true;
    log.warn(
      { path, bytes },
      "bytes arrive with a wrong frame or parity: check baud rate, data bits and parity",
    );
  };
}

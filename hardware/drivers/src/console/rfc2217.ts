import { Integer, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { milliseconds, seconds } from "@outrider/ports/time";
import { ComPortLine } from "@outrider/transports/com-port-line";
import { ReconnectingLine } from "@outrider/transports/reconnecting-line";
import { encodeSettings, TERMIOS_BYTES } from "@outrider/transports/serial-settings";
import { Matches } from "class-validator";
import { controlOf, LineOptions, settingsOf } from "../line-options.js";
import { KEEP_ALIVE_SECONDS, NETWORK_HOST } from "../network-console-options.js";

/** A serial port behind a terminal server. */
export class Rfc2217Options extends LineOptions {
  /** Name or address of the terminal server. */
  @Matches(NETWORK_HOST)
  host!: string;
  /** TCP port of its line on the terminal server. */
  @Integer(1, 65_535)
  port!: number;
  /** After so long without a byte the system asks whether the other side is still there. Default 30; 0: never. */
  @Optional()
  @Integer(0, 86_400)
  keepAliveSeconds?: number;
}

const SET_DEADLINE = seconds(8);
const BREAK_BESIDES_MS = 8000;

export const driver = defineDriver({
  port: "console",
  driver: "rfc2217",
  summary:
    "A serial port behind a terminal server that speaks RFC 2217: with its settings, break, control and modem lines.",
  actions: ["GracefulShutdown"],
  options: Rfc2217Options,
  exclusive: ["host", "port"],
  resource: { kind: "tcp", options: ["host", "port"] },
  network: "host",
  example: { options: { host: "10.0.0.9", port: 2001, baudRate: 115_200 } },
  proof: "pyserial 3.5 (PortManager), ser2net 4.3",
  open: async (options, { clock }) => {
    const { host, port, keepAliveSeconds = KEEP_ALIVE_SECONDS } = options;
    const address = { host, port };
    const device = `${host}:${port}`;
    const what = `The serial port at ${device}`;
    const keepAliveMs = keepAliveSeconds * 1000;
    const declaredLine = settingsOf(options);
    let settings = declaredLine;
    // What no port can do is said at once, not when the port is opened.
    encodeSettings(Buffer.alloc(TERMIOS_BYTES), settings);
    const control = controlOf(options);
    const line = new ReconnectingLine({
      clock,
      what,
      open: (listener, signal) =>
        ComPortLine.open(
          { address, what, keepAliveMs, clock, settings, control },
          listener,
          signal,
        ),
    });
    return {
      device,
      start: (listener) => line.start(listener),
      write: (bytes, signal) => line.write(bytes, signal),
      writeNow: (bytes) => line.writeNow(bytes),
      get line() {
        return settings;
      },
      declaredLine,
      declaredControl: control,
      setLine: (wanted, signal) =>
        line.within(SET_DEADLINE, signal, "settings", async (within) => {
          await line.open.setLine(wanted, within);
          settings = wanted;
        }),
      sendBreak: (duration, signal) =>
        line.within(milliseconds(duration + BREAK_BESIDES_MS), signal, "break", (within) =>
          line.open.sendBreak(duration, within),
        ),
      setControl: (lines, signal) =>
        line.within(SET_DEADLINE, signal, "control lines", (within) =>
          line.open.setControl(lines, within),
        ),
      purge: (which, signal) =>
        line.within(SET_DEADLINE, signal, "purge", (within) => line.open.purge(which, within)),
      [Symbol.asyncDispose]: () => line[Symbol.asyncDispose](),
    };
  },
});

import { defineDriver } from "@outrider/ports/driver";
import { seconds } from "@outrider/ports/time";
import { ReconnectingLine } from "@outrider/transports/reconnecting-line";
import { TelnetLine } from "@outrider/transports/telnet-line";
import { KEEP_ALIVE_SECONDS, TelnetConsoleOptions } from "../network-console-options.js";

const ACT_DEADLINE = seconds(2);

export const driver = defineDriver({
  port: "console",
  driver: "telnet",
  summary:
    "A telnet port of a terminal server or a virtual machine: bytes, and a break whose length the server decides.",
  actions: ["GracefulShutdown"],
  options: TelnetConsoleOptions,
  exclusive: ["host", "port"],
  resource: { kind: "tcp", options: ["host", "port"] },
  network: "host",
  example: { options: { host: "10.0.0.9", port: 2001 } },
  proof: "pyserial 3.5, ser2net 4.3, QEMU 7.2 (IAC BRK reaches its UART as a break)",
  open: async ({ host, port, keepAliveSeconds = KEEP_ALIVE_SECONDS }, { clock }) => {
    const address = { host, port };
    const device = `${host}:${port}`;
    const what = `The telnet console at ${device}`;
    const keepAliveMs = keepAliveSeconds * 1000;
    const line = new ReconnectingLine({
      clock,
      what,
      open: (listener, signal) =>
        TelnetLine.open({ address, what, keepAliveMs, clock }, listener, signal),
    });
    return {
      device,
      start: (listener) => line.start(listener),
      write: (bytes, signal) => line.write(bytes, signal),
      writeNow: (bytes) => line.writeNow(bytes),
      sendBreak: (_duration, signal) =>
        line.within(ACT_DEADLINE, signal, "break", (within) => line.open.sendBreak(within)),
      [Symbol.asyncDispose]: () => line[Symbol.asyncDispose](),
    };
  },
});

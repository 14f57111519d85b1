import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { clearInterval, setInterval } from "node:timers";
import {
  GUEST_CHIP,
  joinDeviceGuest,
  type DeviceGuest,
} from "@outrider/drivers/testing/device-guest-rig";
import { setup } from "@outrider/drivers/testing/device-guest-setup";
import type { DigitalOutputPort } from "@outrider/ports/digital-output-port";
import type { SlotClient } from "@outrider/simulators/spawn";

const LINE = 21;
const LOOK_MS = 5;
const WITHIN_MS = 8000;

/**
 * A small Linux host, itself a virtual machine, one of whose GPIO lines is the supply of another one. What it is asked
 * over HTTP it does by our driver of its kernel's GPIO chip; the wire from that chip's register to the supply is here.
 */
export interface GpioRelay extends AsyncDisposable {
  readonly url: string;
  /** The level of the line, as the chip's own register has it. */
  level(): boolean;
}

export async function startGpioRelay(world: SlotClient): Promise<GpioRelay> {
  await using stack = new AsyncDisposableStack();
  stack.defer(await setup());
  const guest = stack.use(await joinDeviceGuest());
  const level = (): boolean => guest.gpio.isOutput(LINE) && guest.gpio.output(LINE);
  stack.use(wire(level, world));
  const line = await take(guest);

  const answer = async (path: string): Promise<boolean> => {
    const signal = AbortSignal.timeout(WITHIN_MS);
    if (path === "/supply/on" || path === "/supply/off") {
      await line.set(path === "/supply/on", signal);
    }
    return line.read(signal);
  };
  const server = createServer((request, response) => {
    answer(request.url ?? "").then(
      (on) => response.setHeader("content-type", "application/json").end(JSON.stringify({ on })),
      () => response.writeHead(503).end(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const running = stack.move();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    level,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function take(guest: DeviceGuest): Promise<DigitalOutputPort> {
  const declared = { driver: "gpio", options: { chip: GUEST_CHIP, line: LINE } };
  return guest.open("digital-output", declared, "second");
}

/** Between the line and the supply of the first slot. */
function wire(level: () => boolean, world: SlotClient): AsyncDisposable {
  let closed = false;
  let last: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    const on = level();
    if (on === closed) return;
    closed = on;
    last = last.then(() => world.supply(1, on));
  }, LOOK_MS);
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await last;
    },
  };
}

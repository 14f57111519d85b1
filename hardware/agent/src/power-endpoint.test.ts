import { milliseconds, seconds } from "@outrider/contracts/clock";
import { USUAL_ANSWER } from "@outrider/ports/power-port";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, it } from "vitest";
import type { PowerEndpoint } from "./power-endpoint.js";
import { act } from "./supply.js";
import { ModelDevice } from "./testing/model-device.js";
import { modelEndpoint } from "./testing/model-endpoint.js";

const never = new AbortController().signal;

/** An endpoint whose device takes its time. */
function slow(
  takesMs: number,
  answersWithin?: ModelDevice["answersWithin"],
): { clock: VirtualClock; endpoint: PowerEndpoint } {
  const clock = new VirtualClock();
  const device = new ModelDevice();
  const read = device.read.bind(device);
  const setSupply = device.setSupply.bind(device);
  device.read = async () => {
    await clock.sleep(milliseconds(takesMs));
    return read();
  };
  device.setSupply = async (on) => {
    await clock.sleep(milliseconds(takesMs));
    return setSupply(on);
  };
  if (answersWithin) device.answersWithin = answersWithin;
  return { clock, endpoint: modelEndpoint(device, clock).endpoint };
}

const words = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => "answered",
    ({ message }: Error) => message,
  );

const CALLS = [
  { call: "read", ask: (endpoint: PowerEndpoint) => endpoint.sense(never) },
  {
    call: "act",
    ask: (endpoint: PowerEndpoint) =>
      act(endpoint, never, (signal) => endpoint.port?.setSupply(true, signal)),
  },
] as const;

describe.each(CALLS)("how long a supply may take to $call", ({ call, ask }) => {
  it.each([
    ["as long as is usual", undefined],
    ["as long as its port says", { read: seconds(60), act: seconds(80) }],
    ["no less than is usual where its port is quicker", { read: seconds(1), act: seconds(1) }],
  ])("is %s, and the port's own words come first", async (_, within) => {
    const limitMs = Math.max(USUAL_ANSWER[call], within?.[call] ?? 0);
    const last = slow(limitMs, within);
    const answered = words(ask(last.endpoint));
    await last.clock.advance(seconds(200));
    expect(await answered).toBe("answered");

    const stuck = slow(limitMs + 2000, within);
    const givenUp = words(ask(stuck.endpoint));
    await stuck.clock.advance(seconds(200));
    expect(await givenUp).toContain(`did not answer within ${limitMs + 1000} ms`);
  });
});

import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { milliseconds } from "@outrider/ports/time";
import { describe, expect, it } from "vitest";
import { SlotDevice } from "./slots.js";
import { peer, type Peer } from "./testing/hostile-peer.js";

const forever = new AbortController().signal;

function response(status: string, json: unknown): string {
  const body = JSON.stringify(json);
  return `HTTP/1.1 ${status}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** A rack that answers by path, and says what it was asked. */
async function rack(answers: (path: string) => unknown): Promise<Peer & { asked: string[] }> {
  const asked: string[] = [];
  const device = await peer(
    () => {},
    (socket, text) => {
      const path = /^GET (\S+)/.exec(text)?.[1] ?? text;
      asked.push(path);
      const json = answers(path);
      if (json === 404) socket.write(response("404 Not Found", { error: { code: "not-found" } }));
      else if (json !== undefined) socket.write(response("200 OK", json));
    },
  );
  return Object.assign(device, { asked });
}

const on = { supply: "on", host: "running" };
const readings = (slots: readonly number[]): unknown => ({
  seq: 0,
  readings: slots.map((slot) => ({ ...on, slot })),
});

function slotsAt(
  { path }: Peer,
  slots: readonly number[],
  clock = new ManualClock(),
): SlotDevice[] {
  return slots.map(
    (slot) => new SlotDevice({ address: { socketPath: path }, slot, name: "The rack", clock }),
  );
}

describe("slots of one rack", () => {
  it("asked in the same moment are one question", async () => {
    await using world = await rack(() => readings([1, 2, 3, 7]));
    const slots = slotsAt(world, [3, 1, 2, 7]);
    const read = await Promise.all(slots.map((slot) => slot.get(forever)));
    expect(read).toEqual([on, on, on, on].map((one) => expect.objectContaining(one) as unknown));
    expect(world.asked).toEqual(["/readings?slots=1-3,7"]);
    for (const slot of slots) slot[Symbol.dispose]();
  });

  it("that the rack leaves out are asked by themselves, and only their own readers wait", async () => {
    await using world = await rack((path) =>
      path.startsWith("/readings") ? readings([1]) : undefined,
    );
    const slots = slotsAt(world, [1, 2]);
    const [first, second] = slots.map((slot) => slot.get(AbortSignal.timeout(200)));
    expect(await first).toMatchObject(on);
    await expect(second).rejects.toMatchObject({ name: "PortError", code: "timed-out" });
    expect(world.asked).toEqual(["/readings?slots=1-2", "/slots/2"]);
    for (const slot of slots) slot[Symbol.dispose]();
  });

  it("of a device that knows no question about many are asked each, from then on", async () => {
    await using world = await rack((path) => (path.startsWith("/readings") ? 404 : on));
    const slots = slotsAt(world, [1, 2]);
    for (const _ of [1, 2]) await Promise.all(slots.map((slot) => slot.get(forever)));
    expect(world.asked.filter((path) => path.startsWith("/readings"))).toHaveLength(1);
    expect(world.asked).toHaveLength(5);
    for (const slot of slots) slot[Symbol.dispose]();
  });

  it("may be kept back for others, and go with whoever is in a hurry", async () => {
    const clock = new ManualClock();
    await using world = await rack(() => readings([1, 2]));
    const slots = slotsAt(world, [1, 2], clock);
    const [patient, hurried] = slots;
    const first = patient?.get(forever, milliseconds(250));
    await new Promise(setImmediate);
    expect(world.asked).toEqual([]);
    await Promise.all([first, hurried?.get(forever)]);
    expect(world.asked).toEqual(["/readings?slots=1-2"]);
    const again = slots.map((slot) => slot.get(forever, milliseconds(250)));
    clock.advance(250);
    await Promise.all(again);
    expect(world.asked).toHaveLength(2);
    for (const slot of slots) slot[Symbol.dispose]();
  });

  it("share a watch, and are not called back for an edge that a reading has seen", async () => {
    let tell: ((edges: unknown) => void) | undefined;
    const asked: string[] = [];
    await using world = await peer(
      () => {},
      (socket, text) => {
        const path = /^GET (\S+)/.exec(text)?.[1] ?? text;
        asked.push(path);
        if (path.startsWith("/slots/1")) socket.write(response("200 OK", { ...on, seq: 5 }));
        else if (path.endsWith("waitMs=0")) socket.write(response("200 OK", []));
        else tell = (edges) => socket.write(response("200 OK", edges));
      },
    );
    const slots = slotsAt(world, [1, 2]);
    const calls = [0, 0];
    slots.forEach((slot, index) => slot.watch(() => (calls[index] = (calls[index] ?? 0) + 1)));
    await expect.poll(() => tell).toBeDefined();
    expect(calls).toEqual([1, 1]);
    await slots[0]?.get(forever);
    tell?.([
      { seq: 5, slot: 1 },
      { seq: 6, slot: 2 },
    ]);
    await expect.poll(() => asked.at(-1)).toContain("since=6");
    await expect.poll(() => calls).toEqual([1, 2]);
    tell?.([{ seq: 7, slot: 1 }]);
    await expect.poll(() => calls).toEqual([2, 2]);
    for (const slot of slots) slot[Symbol.dispose]();
  });
});

import { ManualClock } from "@outrider/ports/testing/manual-clock";
import type { PortError } from "@outrider/ports/port-error";
import { describe, expect, it } from "vitest";
import { SlotDevice } from "./slots.js";
import { peer, type Peer } from "./testing/hostile-peer.js";

const forever = new AbortController().signal;

function response(status: string, body: string): string {
  return `HTTP/1.1 ${status}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

const words = (code: string, message: string): string =>
  JSON.stringify({ error: { code, message } });

/** Answers each request with this. */
function answering(status: string, body: string): Promise<Peer> {
  return peer(
    () => {},
    (socket) => socket.write(response(status, body)),
  );
}

function slotAt({ path }: Peer, clock = new ManualClock()): SlotDevice {
  return new SlotDevice({ address: { socketPath: path }, slot: 3, name: "The rack", clock });
}

function failure(promise: Promise<unknown>): Promise<PortError> {
  return promise.then(
    () => expect.unreachable("it succeeded"),
    (error: unknown) => error as PortError,
  );
}

describe("SlotDevice", () => {
  it.each([
    [
      "503 Unavailable",
      words("refused", "The relay is locked."),
      "refused",
      "The relay is locked.",
    ],
    ["500 Error", words("failed", "QEMU: no memory"), "refused", "QEMU: no memory"],
    ["501 No", words("unsupported", "By QMP."), "unsupported", "By QMP."],
    ["404 No", words("no-such-slot", "There is no slot 3."), "invalid-options", "option slot"],
    ["400 Bad", words("bad-request", "on: expected true"), "protocol", "on: expected true"],
    ["403 No", words("forbidden", "Only direct clients."), "protocol", "Only direct clients."],
    ["500 Error", '"oops"', "protocol", "HTTP status 500"],
    ["302 Found", "", "protocol", "HTTP status 302"],
    ["200 OK", "", "protocol", "not as a slot does"],
    ["200 OK", "null", "protocol", "not as a slot does"],
    ["200 OK", '{"supply":"maybe","host":"running"}', "protocol", "not as a slot does"],
    ["200 OK", '{"supply":"on"}', "protocol", "not as a slot does"],
  ])("takes %s %s for %s", async (status, body, code, sentence) => {
    await using rack = await answering(status, body);
    using slot = slotAt(rack);
    for (const error of await Promise.all(
      [slot.get(forever), slot.setSupply(true, forever), slot.act("nmi", forever)].map(failure),
    )) {
      expect(error).toMatchObject({ name: "PortError", code });
      expect(error.message).toContain(sentence);
      expect(error.message).toContain("slot 3");
    }
  });

  it("shortens what a device has to say", async () => {
    await using rack = await answering("503 No", words("refused", "x".repeat(10_000)));
    using slot = slotAt(rack);
    expect((await failure(slot.get(forever))).message.length).toBeLessThan(700);
  });

  it("watches from the last edge that it knows, and is not hurried by empty answers", async () => {
    const asked: string[] = [];
    await using rack = await peer(
      () => {},
      (socket, text) => {
        asked.push(/since=\d+/.exec(text)?.[0] ?? text);
        // The fourth wait stays open.
        const body = ['[{"seq":7},{"seq":9}]', "[]", '[{"seq":12}]'][asked.length - 1];
        if (body !== undefined) socket.write(response("200 OK", body));
      },
    );
    const clock = new ManualClock();
    using slot = slotAt(rack, clock);
    let changes = 0;
    using _watch = slot.watch(() => changes++);
    await expect.poll(() => clock.pendingMs).toEqual([250]);
    expect(asked).toEqual(["since=0", "since=9"]);
    expect(changes).toBe(1);
    clock.advance(250);
    await expect.poll(() => asked).toEqual(["since=0", "since=9", "since=9", "since=12"]);
    expect(changes).toBe(2);
  });

  it("takes a watch that is not even ended for the loss of the device", async () => {
    let asked = 0;
    await using rack = await peer(
      () => {},
      (socket) => {
        if (++asked === 1) socket.write(response("200 OK", "[]"));
      },
    );
    const clock = new ManualClock();
    using slot = slotAt(rack, clock);
    let changes = 0;
    using _watch = slot.watch(() => changes++);
    await expect.poll(() => asked).toBe(2);
    expect(changes).toBe(1);
    clock.advance(60_000);
    await expect.poll(() => changes).toBe(2);
  });

  it("ends its watches when it is disposed", async () => {
    await using rack = await answering("200 OK", "[]");
    const clock = new ManualClock();
    const slot = slotAt(rack, clock);
    let changes = 0;
    slot.watch(() => changes++);
    await expect.poll(() => changes).toBe(1);
    slot[Symbol.dispose]();
    expect(clock.sleeping).toBe(0);
    const received = rack.received().length;
    clock.advance(60_000);
    await new Promise(setImmediate);
    expect(rack.received().length).toBe(received);
    expect(changes).toBe(1);
  });
});

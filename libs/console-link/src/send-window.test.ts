import { describe, expect, it } from "vitest";
import { SendWindow } from "./send-window.js";

/** Sends as much as it may, again and again; each piece is under way for as long as `tookMs` says. */
function run(rounds: number, tookMs: (window: SendWindow, round: number) => number): SendWindow {
  let nowMs = 0;
  let sent = 0;
  const window = new SendWindow(() => nowMs);
  for (let round = 0; round < rounds; round++) {
    while (window.hasRoom()) {
      window.sent(16_384);
      sent += 16_384;
    }
    nowMs += tookMs(window, round);
    window.received(sent);
  }
  return window;
}

describe("SendWindow", () => {
  it("widens where the way is fast", () => {
    expect(run(200, () => 1).windowBytes).toBeGreaterThan(500_000);
  });

  it("stays small on a slow wire, where what is under way waits", () => {
    const perMs = 125;
    const window = run(200, ({ underWayBytes }) => underWayBytes / perMs);
    expect(window.windowBytes / perMs).toBeLessThan(1000);
  });

  it("widens where the far end is busy, however little is under way", () => {
    expect(run(400, (_, round) => (round < 4 ? 1 : 90)).windowBytes).toBeGreaterThan(500_000);
  });

  it("does not take a slow turn now and then for a queue", () => {
    expect(run(200, (_, round) => (round % 3 === 0 ? 200 : 2)).windowBytes).toBeGreaterThan(
      500_000,
    );
  });
});

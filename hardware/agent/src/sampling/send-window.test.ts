import { describe, expect, it } from "vitest";
import { SendWindow, WINDOW } from "./send-window.js";

/** Sends what may be sent of batches that are all there. @returns their numbers */
function send(window: SendWindow, newest: number, nowMs: number): number[] {
  const sent: number[] = [];
  while (window.last < newest && window.maySend(window.last + 1)) {
    sent.push(window.last + 1);
    window.sent(window.last + 1, nowMs);
  }
  return sent;
}

describe("a window of batches", () => {
  it("opens with every acknowledgement, up to its bound", () => {
    const window = new SendWindow();
    expect(send(window, 1000, 0)).toEqual([1, 2, 3, 4]);
    window.heard(4, 0);
    expect(send(window, 1000, 0)).toHaveLength(8);
    for (let round = 0; round < 10; round++) {
      window.heard(window.last, 0);
      send(window, 10_000, 0);
    }
    expect(window.last - window.acknowledged).toBe(WINDOW.most);
  });

  it("goes back to what is not acknowledged, and asks ever more seldom where nobody is there", () => {
    const window = new SendWindow();
    send(window, 1000, 0);
    expect(window.expire(1999)).toBe(false);
    const went: number[] = [];
    for (let ms = 0; ms <= 60_000; ms += 100) {
      if (window.expire(ms)) went.push(ms);
      expect(send(window, 1000, ms).length).toBeLessThanOrEqual(1);
    }
    expect(went).toEqual([2000, 6000, 14_000, 24_000, 34_000, 44_000, 54_000]);
    window.heard(1, 60_000);
    expect(send(window, 1000, 60_000)).toEqual([2, 3]);
  });

  it("takes a known number for a sign of life that is no progress", () => {
    const window = new SendWindow();
    send(window, 9, 0);
    window.expire(2000);
    send(window, 9, 2000);
    window.heard(0, 3000);
    expect(window.waitsMs(3000)).toBe(1000);
    expect(window.expire(4000)).toBe(true);
  });

  it("passes over what never comes only when all before it is acknowledged", () => {
    const window = new SendWindow();
    window.begin(4);
    window.sent(5, 0);
    expect(window.maySend(6)).toBe(true);
    expect(window.maySend(9)).toBe(false);
    window.heard(5, 0);
    expect(window.maySend(9)).toBe(true);
  });

  it("begins anew on every connection, and jumps to what was stored on a former one", () => {
    const window = new SendWindow();
    send(window, 100, 0);
    window.begin(0);
    send(window, 100, 0);
    window.heard(57, 0);
    expect(send(window, 100, 0)[0]).toBe(58);
    window.sent(3, 0);
    expect(window.oldest).toBe(58);
  });
});

import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { PortError } from "@outrider/ports/port-error";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConsoleRecorder, forever, openConsole, type ConsoleRig } from "./console-rig.js";
import { failure } from "./power-rig.js";

/** Every value, in order and then torn from its neighbours, with runs of zeros. */
const ALL_VALUES = Buffer.concat([
  Buffer.from(Array.from({ length: 256 }, (_, value) => value)),
  Buffer.alloc(64),
  Buffer.from(Array.from({ length: 1024 }, (_, index) => (index * 167 + 13) & 0xff)),
]);
const BREAK = milliseconds(250);
const SOON = { timeout: 20_000, interval: 10 };

/** What every console driver must do, proved on the far end of its line. */
export function describeConsolePort(name: string, startRig: () => Promise<ConsoleRig>): void {
  describe(`${name} as a console port`, { timeout: 60_000 }, () => {
    let rig: ConsoleRig;
    beforeAll(async () => {
      rig = await startRig();
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });

    /** A port that is up, and what it tells. */
    async function opened() {
      const port = await openConsole(rig);
      const recorder = new ConsoleRecorder();
      port.start(recorder);
      await expect.poll(() => recorder.links.at(-1), SOON).toEqual({ up: true });
      return {
        port,
        recorder,
        [Symbol.asyncDispose]: () => port[Symbol.asyncDispose](),
      };
    }

    it("says that the line is up before anything else, and hands on every byte as it was said", async () => {
      await using line = await opened();
      const from = line.recorder.all.length;
      await rig.say(ALL_VALUES);
      await expect
        .poll(() => line.recorder.all.indexOf(ALL_VALUES, from), SOON)
        .toBeGreaterThanOrEqual(0);
      expect(line.recorder.story[0]).toBe("up");
      expect(line.recorder.losses).toEqual([]);
    });

    it("keeps the order of much output", async () => {
      await using line = await opened();
      const block = Buffer.from(
        Array.from({ length: 2000 }, (_, n) => `${String(n).padStart(7, "0")}\n`).join(""),
      );
      await rig.say(block);
      await expect.poll(() => line.recorder.all.includes(block), SOON).toBe(true);
    });

    it("writes every byte as it was typed, also when several write at once", async ({ skip }) => {
      const heard = rig.heard?.bind(rig) ?? skip("the far end cannot hand back what it heard");
      await using line = await opened();
      const before = (await heard()).length;
      const parts = [ALL_VALUES, Buffer.alloc(3000, "a"), Buffer.alloc(10, "b")];
      await Promise.all(parts.map((part) => line.port.write(part, forever)));
      const want = Buffer.concat(parts);
      await expect
        .poll(async () => (await heard()).length - before, SOON)
        .toBeGreaterThanOrEqual(want.length);
      expect((await heard()).subarray(before).equals(want)).toBe(true);
    });

    it("takes a key at once where it can, in order with what is written", async ({ skip }) => {
      const heard = rig.heard?.bind(rig) ?? skip("the far end cannot hand back what it heard");
      await using line = await opened();
      const now = line.port.writeNow?.bind(line.port) ?? skip("the mechanism has to wait");
      const before = (await heard()).length;
      expect(now(Buffer.from("key"))).toBe(3);
      const writing = line.port.write(Buffer.alloc(3000, "w"), forever);
      expect(now(Buffer.from("too soon"))).toBe(0);
      await writing;
      expect(now(Buffer.from("again"))).toBe(5);
      const want = `key${"w".repeat(3000)}again`;
      await expect.poll(async () => (await heard()).subarray(before).toString(), SOON).toBe(want);
    });

    it("takes no key before it is up", async ({ skip }) => {
      await using port = await openConsole(rig);
      const now = port.writeNow?.bind(port) ?? skip("the mechanism has to wait");
      const refused = expect.objectContaining({ name: "PortError", code: "unreachable" });
      expect(() => now(Buffer.from("x"))).toThrow(refused);
    });

    it("carries a dialogue", async () => {
      await using line = await opened();
      const from = line.recorder.text.length;
      await line.port.write(Buffer.from(rig.dialogue.type), forever);
      await expect.poll(() => line.recorder.text.slice(from), SOON).toMatch(rig.dialogue.expect);
    });

    it("sends a break that the far end sees, once", async ({ skip }) => {
      const breaks = rig.breaks?.bind(rig) ?? skip("the mechanism carries no break");
      await using line = await opened();
      const before = await breaks();
      await line.port.sendBreak?.(BREAK, forever);
      await expect.poll(breaks, SOON).toBe(before + 1);
    });

    it("offers a break exactly where it carries one", async () => {
      await using line = await opened();
      expect(line.port.sendBreak !== undefined).toBe(rig.breaks !== undefined);
    });

    it("refuses to write before it is up, and queues nothing", async () => {
      await using port = await openConsole(rig);
      const error = await failure(port.write(Buffer.from("x"), forever));
      expect(error).toMatchObject({ name: "PortError", code: "unreachable" });
    });

    it("does nothing for a caller who has given up before", async () => {
      await using line = await opened();
      const gone = AbortSignal.abort(new Error("gone"));
      await expect(line.port.write(Buffer.from("x"), gone)).rejects.toThrow("gone");
      if (line.port.sendBreak)
        await expect(line.port.sendBreak(BREAK, gone)).rejects.toThrow("gone");
    });

    it("comes back by itself when the far end does, and says what it may have missed", async () => {
      await using line = await opened();
      await rig.lose();
      await expect.poll(() => line.recorder.up, SOON).toBe(false);
      const { detail } = line.recorder.links.at(-1) ?? {};
      expect(detail).toContain(rig.address);
      const error = await failure(line.port.write(Buffer.from("lost"), forever));
      expect(error).toBeInstanceOf(PortError);
      expect(error.code).toBe("unreachable");
      if (line.port.sendBreak) {
        expect(await failure(line.port.sendBreak(BREAK, forever))).toMatchObject({
          code: "unreachable",
        });
      }
      await rig.restore();
      await expect.poll(() => line.recorder.up, SOON).toBe(true);
      expect(line.recorder.losses).toEqual([{ bytes: undefined, reason: "disconnected" }]);
      expect(line.recorder.story.slice(line.recorder.story.lastIndexOf("down"))).toEqual(
        expect.arrayContaining(["down", "lost", "up"]),
      );
      const from = line.recorder.text.length;
      await line.port.write(Buffer.from(rig.dialogue.type), forever);
      await expect.poll(() => line.recorder.text.slice(from), SOON).toMatch(rig.dialogue.expect);
    });

    it("says once that it is down when it cannot be opened, and goes on trying", async () => {
      await rig.lose();
      await using port = await openConsole(rig);
      const recorder = new ConsoleRecorder();
      port.start(recorder);
      try {
        await expect.poll(() => recorder.links.length, SOON).toBe(1);
        expect(recorder.links[0]).toEqual({
          up: false,
          detail: expect.stringContaining(rig.address) as string,
        });
      } finally {
        await rig.restore();
      }
      await expect.poll(() => recorder.up, SOON).toBe(true);
      expect(recorder.story.slice(0, 3)).toEqual(["down", "lost", "up"]);
    });

    it("lets go of the line when it is disposed, and says nothing more", async () => {
      const first = await opened();
      await first.port[Symbol.asyncDispose]();
      const { length } = first.recorder.story;
      await using second = await opened();
      const from = second.recorder.text.length;
      await second.port.write(Buffer.from(rig.dialogue.type), forever);
      await expect.poll(() => second.recorder.text.slice(from), SOON).toMatch(rig.dialogue.expect);
      expect(first.recorder.story.length).toBe(length);
    });

    it("can be disposed without having been started, and while it opens", async () => {
      const idle = await openConsole(rig);
      await idle[Symbol.asyncDispose]();
      const opening = await openConsole(rig);
      const recorder = new ConsoleRecorder();
      opening.start(recorder);
      await opening[Symbol.asyncDispose]();
      await using _ = await opened();
      expect(recorder.chunks).toEqual([]);
    });

    it("does not share a line that takes one at a time: the second waits, saying why", async ({
      skip,
    }) => {
      if (!rig.exclusive) skip("several may have this line");
      const first = await opened();
      await using second = await openConsole(rig);
      const recorder = new ConsoleRecorder();
      second.start(recorder);
      await expect.poll(() => recorder.links.length, SOON).toBe(1);
      expect(recorder.links[0]).toMatchObject({ up: false });
      expect(first.recorder.up).toBe(true);
      await first.port[Symbol.asyncDispose]();
      await expect.poll(() => recorder.up, SOON).toBe(true);
    });

    it("lets whoever writes to a stuck line give up at once, and still reads", async ({ skip }) => {
      const freeze = rig.freeze?.bind(rig) ?? skip("the far end cannot be stopped");
      await using line = await opened();
      await using _ = await freeze();
      const giveUp = new AbortController();
      const stuck = failure(line.port.write(Buffer.alloc(16 * 1_048_576), giveUp.signal));
      // A second one waits behind it, and may give up just so.
      const behind = failure(line.port.write(Buffer.from("x"), giveUp.signal));
      // Long enough for every buffer on the way to be full.
      await systemClock.sleep(milliseconds(300));
      const reason = new Error("enough");
      giveUp.abort(reason);
      expect(await stuck).toBe(reason);
      expect(await behind).toBe(reason);
    });

    it("does not wait for ever for a device that takes the request and says nothing", async ({
      skip,
    }) => {
      const mute = rig.mute?.bind(rig) ?? skip("opening asks nobody");
      const muted = await mute();
      await using port = await openConsole(rig);
      const recorder = new ConsoleRecorder();
      port.start(recorder);
      await expect.poll(() => recorder.links.length, SOON).toBe(1);
      expect(recorder.links[0]?.detail).toContain("did not answer");
      await muted[Symbol.asyncDispose]();
      await expect.poll(() => recorder.up, SOON).toBe(true);
    });
  });
}

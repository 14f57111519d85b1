import { milliseconds } from "@outrider/contracts/clock";
import { eventually } from "@outrider/testing/eventually";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterEach, beforeEach, expect, it } from "vitest";
import { OneConsole, type Person } from "../testing/one-console.js";
import { TypingWish } from "./typing-wish.js";

let one: OneConsole;
let clock: VirtualClock;
let wish: TypingWish;
beforeEach(async () => {
  one = await OneConsole.start();
  // Stands still but where the test moves it.
  clock = new VirtualClock();
  wish = new TypingWish(clock);
});
afterEach(() => one[Symbol.asyncDispose]());

const typed = (): string => one.line.taken.filter((part) => typeof part === "string").join("");

async function type({ place }: Person, key: string): Promise<void> {
  await wish.before(place);
  await place.input(Buffer.from(key));
}

it("types the first key after the other has gone, however often it was in vain before", async () => {
  const ada = await one.attach("ada");
  const raw = await one.attach("raw");
  await type(raw, "A");
  await type(raw, "B");
  ada.place.detach();
  await type(raw, "C");
  await type(raw, "D");
  expect(typed()).toBe("CD");
});

it("is tried again when somebody else was faster, and a second later where it is not allowed", async () => {
  const raw = await one.attach("raw", { mode: "spy" });
  const go = Promise.withResolvers<void>();
  one.audit = go.promise;
  const first = type(raw, "A");
  await eventually("it is being recorded", () => one.acts().includes("console.write"));
  one.audit = Promise.resolve();
  const ada = await one.attach("ada");
  go.resolve();
  await first;
  expect(ada.place.writes).toBe(true);
  ada.place.detach();
  await type(raw, "B");
  expect(typed()).toBe("B");
  raw.only("read", "console-read");
  await type(raw, "C");
  await type(raw, "D");
  const refused = (): number => one.acts().filter((act) => act === "console.write outcome").length;
  await type(raw, "E");
  expect(refused()).toBe(1);
  await clock.advance(milliseconds(1000));
  await type(raw, "F");
  expect(refused()).toBe(2);
  expect(typed()).toBe("B");
});

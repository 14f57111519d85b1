import { eventually } from "@outrider/testing/eventually";
import { afterEach, beforeEach, expect, it } from "vitest";
import { OneConsole } from "../testing/one-console.js";

let one: OneConsole;
beforeEach(async () => {
  one = await OneConsole.start();
});
afterEach(() => one[Symbol.asyncDispose]());

const typed = (): string => one.line.taken.filter((part) => typeof part === "string").join("");

it("sends each key at once and keeps their order, whether or not the machine has taken the last one", async () => {
  const { place } = await one.attach("ada");
  const gate = Promise.withResolvers<void>();
  one.line.gate = gate.promise;
  const sent: string[] = [];
  const linked = one.console.far.linked;
  if (!linked) throw new Error("it is not linked");
  const write = linked.write.bind(linked);
  linked.write = (bytes, signal) => {
    sent.push(Buffer.from(bytes).toString());
    return write(bytes, signal);
  };
  const typing = [..."root\r"].map((key) => place.input(Buffer.from(key)));
  expect(sent.join("")).toBe("root\r");
  gate.resolve();
  await Promise.all(typing);
  expect(typed()).toBe("root\r");
});

it("lets no key into the middle of what was pasted before it", async () => {
  const { declared } = one.console;
  one.console.declared = { ...declared, policy: { ...declared.policy, pasteCharacterMs: 1 } };
  const { place } = await one.attach("ada");
  const text = "a text that is longer than anybody types a key";
  const pasting = place.input(Buffer.from(text));
  await eventually("it is being pasted", () => typed().length > 3 || undefined);
  const key = place.input(Buffer.from("K"));
  await Promise.all([pasting, key]);
  expect(typed()).toBe(`${text}K`);
});

it("keeps the order of much and little", async () => {
  const { place } = await one.attach("ada");
  const parts = ["a".repeat(3000), "b", "c".repeat(900), "d", "e".repeat(5000), "f"];
  await Promise.all(parts.map((part) => place.input(Buffer.from(part))));
  expect(typed()).toBe(parts.join(""));
});

it("is not said to be unsent where the agent was lost and nobody knows, and is where it is", async () => {
  const ada = await one.attach("ada");
  one.line.gate = Promise.withResolvers<void>().promise;
  const typing = ada.place.input(Buffer.from("halt -f\r"));
  const asked = ada.place.ask({ ask: "line", settings: "9600" });
  await eventually("both are under way", async () => (await one.said()).includes("line by"));
  await one.agent.stop();
  await typing;
  expect(ada.heard("notice")?.text).toMatch(
    /lost \(.+\), and nobody knows whether it arrived; look/,
  );
  expect(await asked).toMatchObject({ told: "refused", code: "failed" });
  expect((await asked).text).toMatch(/nobody knows whether it was done; look/);
  one.console.unlinked("the agent stops");
  const bob = await one.attach("bob", { mode: "take" });
  await bob.place.input(Buffer.from("x"));
  expect(bob.tolds.at(-1)?.text).toMatch(/cannot be reached.*; what you typed was not sent$/);
});

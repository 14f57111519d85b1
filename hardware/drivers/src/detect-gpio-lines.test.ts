import { check } from "@outrider/contracts/codec";
import { expect, it } from "vitest";
import { gpioProposal } from "./detect-gpio-lines.js";
import { loadDriver } from "./registry.js";

const line = (offset: number, name: string, consumer?: string) => ({
  offset,
  name,
  consumer,
  direction: "input" as const,
  activeLow: false,
});
const chip = (...offsets: ReturnType<typeof line>[]) => ({
  name: "gpiochip4",
  path: "/dev/gpiochip4",
  label: "pinctrl-rp1",
  lines: offsets.length,
  offsets,
});

it("a GPIO chip is proposed by its label, with a line that nobody has", async () => {
  const [found] = gpioProposal(chip(line(0, "ID_SDA", "i2c"), line(1, "GPIO17"), line(2, "")));
  expect(found).toMatchObject({
    driver: "gpio",
    options: { chip: "pinctrl-rp1", line: 1 },
    confidence: "low",
  });
  expect(found?.why).toContain("3 lines, 2 of which nobody has taken: GPIO17.");
  const { options } = await loadDriver("digital-output", "gpio");
  expect(check(options, found?.options, true)).toMatchObject({ ok: true });
});

it("a GPIO chip without a free line is not proposed", () => {
  expect(gpioProposal(chip(line(0, "ACT", "led0")))).toEqual([]);
});

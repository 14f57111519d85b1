import { RESTORE_POLICIES } from "@outrider/contracts/agent";
import { SUPPLY_VALUES } from "@outrider/contracts/power";
import { assert, constantFrom, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { hasBooted, isLoss, restoreTo, steady } from "./restore-policy.js";

const supplies = constantFrom("On" as const, "Off" as const);
const commanded = constantFrom("On" as const, "Off" as const, undefined);
const policies = constantFrom(...RESTORE_POLICIES);
const occasions = constantFrom("boot" as const, "loss" as const);

describe("the restore policy", () => {
  it.each([
    ["None", "boot", "Off", "On", undefined],
    ["None", "loss", "Off", "On", undefined],
    ["AlwaysOn", "boot", "Off", "Off", "On"],
    ["AlwaysOn", "boot", "On", "Off", undefined],
    ["AlwaysOn", "loss", "Off", undefined, "On"],
    ["AlwaysOff", "boot", "On", "On", "Off"],
    ["AlwaysOff", "loss", "Off", "On", undefined],
    ["Restore", "boot", "Off", "On", "On"],
    ["Restore", "boot", "On", "Off", "Off"],
    ["Restore", "boot", "Off", "Off", undefined],
    ["Restore", "boot", "Off", undefined, undefined],
    ["Restore", "loss", "Off", "On", "On"],
  ] as const)(
    "%s after a %s, supply %s, commanded %s → %s",
    (policy, occasion, supply, last, then) => {
      expect(restoreTo(policy, occasion, supply, last)).toBe(then);
    },
  );

  it("never does what is so already, and switches nothing off that was lost", () => {
    assert(
      property(policies, occasions, supplies, commanded, (policy, occasion, supply, last) => {
        const to = restoreTo(policy, occasion, supply, last);
        return to !== supply && !(occasion === "loss" && to === "Off");
      }),
    );
  });

  it("takes for a loss only a steady off after on that nobody commanded", () => {
    assert(
      property(commanded, constantFrom(...SUPPLY_VALUES), commanded, (seen, now, last) => {
        return isLoss(seen, now, last) === (seen === "On" && now === "Off" && last !== "Off");
      }),
    );
  });

  it("does not know what is in motion", () => {
    expect(SUPPLY_VALUES.map(steady)).toEqual(["On", "Off", undefined, undefined, undefined]);
  });

  it("has an occasion only after another boot than the one it knows", () => {
    expect(hasBooted({ bootId: "a" }, "b")).toBe(true);
    expect(hasBooted({ bootId: "a" }, "a")).toBe(false);
    expect(hasBooted({ bootId: "a" }, undefined)).toBe(false);
    expect(hasBooted({}, "b")).toBe(false);
    expect(hasBooted(undefined, "b")).toBe(false);
  });
});

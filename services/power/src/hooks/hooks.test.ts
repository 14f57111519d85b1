import { systemClock } from "@outrider/contracts/clock";
import { describe, expect, it } from "vitest";
import { AddressPolicy } from "@outrider/service-kit/outbound/address-policy";
import { Hooks } from "./hooks.js";
import type { Lookup } from "./webhook.js";

const hook = { webhook: "http://two.example/", deadlineMs: 60_000, onFailure: "stop" } as const;
const context = {
  hook: "drain",
  node: "n1",
  action: "ForceOff",
  actor: "user:anna",
  transition: "t1",
} as const;

describe("the hooks of a node", () => {
  it("fail with a sentence where something unforeseen is thrown, and end nothing else", async () => {
    // What is no list of addresses is found out outside of what is guarded for names that do not resolve.
    const lookup = (async () => null) as unknown as Lookup;
    const hooks = new Hooks({ clock: systemClock, policy: new AddressPolicy(), lookup });
    const { signal } = new AbortController();
    const result = await hooks.run([{ role: "storage", hook }], context, signal);
    expect(result).toMatchObject({
      go: false,
      detail: expect.stringMatching(
        /^the drain hook of role storage failed: it could not be run: ./,
      ),
    });
  });
});

import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { claim } from "./claim.js";

describe.skipIf(process.platform !== "linux")("claim", () => {
  it("is had by one at a time, who is named to the other", async () => {
    const resource = randomUUID();
    const first = await claim(resource, "The chip", "the first");
    const second = claim(resource, "The chip", "the second");
    await expect(second).rejects.toMatchObject({ name: "PortError", code: "refused" });
    await expect(second).rejects.toThrow("The chip belongs to the first.");
    await first[Symbol.asyncDispose]();
    await (await claim(resource, "The chip", "the second"))[Symbol.asyncDispose]();
  });
});

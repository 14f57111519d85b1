import type { DesiredEndpoint } from "@outrider/contracts/agent";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  contentHash,
  desiredEndpoints,
  generationOf,
  staleAfterMs,
  type Published,
} from "./desired.js";
import { readSite } from "./site-file.js";

const SITE = `
site: lab
agents: { a: {}, b: {} }
nodes:
  n1: { restore: AlwaysOn, dwell: 1s, power: { agent: a, driver: qemu, options: { slot: 1, directory: /c } },
        reset: { agent: a, driver: pulse } }
  n2: { power: { agent: a, driver: qemu, options: { slot: 2 } } }
  n3: { power: { agent: b, driver: qemu } }
`;

describe("what an agent shall have", () => {
  const site = readSite(SITE, "site.yaml");
  const [a] = site.agents;
  if (!a) throw new Error("the site has agents");
  const endpoints = desiredEndpoints(site, a);

  it("is its own endpoints, with the policies of their nodes", () => {
    expect(endpoints.map(({ endpoint }) => endpoint)).toEqual(["n1.power", "n1.reset", "n2.power"]);
    expect(endpoints[0]).toEqual({
      endpoint: "n1.power",
      node: "n1",
      port: "power",
      driver: "qemu",
      options: { slot: 1, directory: "/c" },
      restore: "AlwaysOn",
      dwellMs: 1000,
      sampleEveryMs: 2000,
      staleAfterMs: 10_000,
    });
  });

  it("restores the supply by the power interface only", () => {
    expect(endpoints[1]?.restore).toBe("None");
  });

  it("has the same hash in another order, and another one for other content", () => {
    const turned = endpoints
      .toReversed()
      .map(
        (one) => Object.fromEntries(Object.entries(one).toReversed()) as unknown as DesiredEndpoint,
      );
    expect(contentHash(turned)).toBe(contentHash(endpoints));
    for (const changed of [
      endpoints.slice(1),
      endpoints.map((one) => ({ ...one, dwellMs: one.dwellMs + 1 })),
      endpoints.map((one) => ({ ...one, options: { ...one.options, slot: 9 } })),
    ]) {
      expect(contentHash(changed)).not.toBe(contentHash(endpoints));
    }
  });

  it("leaves room for three repeats of a sample within its span", () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 600_000 }), (sampleEveryMs) => {
        expect(staleAfterMs(sampleEveryMs)).toBeGreaterThan(3 * sampleEveryMs);
        expect(staleAfterMs(sampleEveryMs)).toBeLessThanOrEqual(3_600_000);
      }),
    );
  });
});

describe("the generation", () => {
  it("rises when the content changes, and only then", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("x", "y", "z")), (contents) => {
        let published: Published | undefined;
        for (const hash of contents) {
          // The agent echoes what it was given.
          const before: number = published?.generation ?? 0;
          const generation = generationOf(hash, published, before);
          expect(generation - before).toBe(published?.hash === hash ? 0 : 1);
          published = { generation, hash };
        }
      }),
    );
  });

  it("rises above what the agent echoes when our memory was lost, and then stands", () => {
    const generation = generationOf("x", undefined, 17);
    expect(generation).toBe(18);
    expect(generationOf("x", { generation, hash: "x" }, 17)).toBe(18);
    expect(generationOf("x", { generation, hash: "x" }, 18)).toBe(18);
  });

  it("rises above what the agent echoes when our memory is an old copy", () => {
    expect(generationOf("x", { generation: 3, hash: "x" }, 5)).toBe(6);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { desiredEndpoints, staleAfterMs } from "./desired.js";
import { readSite } from "./site-file.js";
import { SiteFileError } from "./site-problem.js";

const site = (...lines: string[]): string =>
  ["site: lab", "agents: { a: {} }", "nodes:", "  n1:", ...lines].join("\n");

function problemsOf(...lines: string[]): string[] {
  try {
    readSite(site(...lines), "site.yaml");
    return [];
  } catch (error) {
    if (error instanceof SiteFileError) return error.message.split("\n");
    throw error;
  }
}

const desired = (...lines: string[]) => {
  const read = readSite(site(...lines), "site.yaml");
  return desiredEndpoints(read, read.agents[0] ?? expect.unreachable());
};

describe("how often an interface is read and told", () => {
  it("stands in what the agent shall have, with a span in which it is told three times", () => {
    const [supply, cpu, lan] = desired(
      "    sensor:",
      "      supply:",
      "        agent: a",
      "        driver: ina226",
      "        sampling: 1s",
      "        reporting: 1m",
      "        deadband: { voltageVolts: 0.05, currentAmperes: 0.1 }",
      "        burst: { sampling: 200ms, duration: 20s }",
      "      cpu: { agent: a, driver: hwmon, deadband: { temperatureCelsius: 1 }, burst: {} }",
      "    heartbeat: { lan: { agent: a, driver: ping, reporting: 30s } }",
    );
    expect(supply).toMatchObject({
      sampleEveryMs: 1000,
      reportEveryMs: 60_000,
      staleAfterMs: 180_000,
      deadband: { voltageVolts: 0.05, currentAmperes: 0.1 },
      burst: { sampleEveryMs: 200, forMs: 20_000 },
    });
    expect(cpu).toMatchObject({
      sampleEveryMs: 10_000,
      staleAfterMs: 40_000,
      deadband: { temperatureCelsius: 1 },
      burst: { sampleEveryMs: 100, forMs: 10_000 },
    });
    expect(cpu?.reportEveryMs).toBeUndefined();
    expect(lan).toMatchObject({ reportEveryMs: 30_000, staleAfterMs: 90_000 });
  });

  it("leaves all as it was where nothing is said: every sample is told", () => {
    const [plain = expect.unreachable()] = desired("    sensor: { s: { agent: a, driver: x } }");
    for (const key of ["reportEveryMs", "deadband", "burst"]) expect(plain).not.toHaveProperty(key);
  });

  it("is never stale before it is told three times", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 600_000 }),
        fc.integer({ min: 100, max: 1_200_000 }),
        (sampling, reporting) => {
          expect(staleAfterMs(sampling, reporting)).toBeGreaterThanOrEqual(3 * reporting);
          expect(staleAfterMs(sampling, reporting)).toBeLessThanOrEqual(3_600_000);
        },
      ),
    );
  });

  it.each([
    [
      "    sensor: { s: { agent: a, driver: x, reporting: 5s } }",
      "site.yaml:5: nodes.n1.sensor.s.reporting: '5s' is oftener than it is read; expected its sampling or more, 10000 ms",
    ],
    [
      "    sensor: { s: { agent: a, driver: x, reporting: 1h } }",
      "site.yaml:5: nodes.n1.sensor.s.reporting: '1h' is out of bounds; expected 100ms to 20m",
    ],
    [
      "    power: { agent: a, driver: x, reporting: 30s }",
      "site.yaml:5: nodes.n1.power.reporting: a power interface has none; expected it at a sensor or heartbeat",
    ],
    [
      "    heartbeat: { lan: { agent: a, driver: x, deadband: { voltageVolts: 1 } } }",
      "site.yaml:5: nodes.n1.heartbeat.lan.deadband: a heartbeat interface has none; expected it at a sensor",
    ],
    [
      "    sensor: { s: { agent: a, driver: x, sampling: 100ms, burst: {} } }",
      "site.yaml:5: nodes.n1.sensor.s.burst.sampling: 100 ms is no oftener than it is read anyway; expected less than 100 ms",
    ],
    [
      "    sensor: { s: { agent: a, driver: x, burst: { duration: 1h } } }",
      "site.yaml:5: nodes.n1.sensor.s.burst.duration: '1h' is out of bounds; expected 1s to 10m",
    ],
  ])("is refused where it makes no sense: %s", (line, problem) => {
    expect(problemsOf(line)).toEqual([problem]);
  });

  it("names quantities as they are told, and none that there is not", () => {
    const [wrong = "", ...more] = problemsOf(
      "    sensor: { s: { agent: a, driver: x, deadband: { volts: 1 } } }",
    );
    expect(wrong).toContain(
      "nodes.n1.sensor.s.deadband.volts: unknown key 'volts'; expected one of voltageVolts, ",
    );
    expect(more).toEqual([]);
  });

  it("takes no band that is none", () => {
    const [wrong = ""] = problemsOf(
      "    sensor: { s: { agent: a, driver: x, deadband: { voltageVolts: -1 } } }",
    );
    expect(wrong).toContain("deadband.voltageVolts");
  });
});

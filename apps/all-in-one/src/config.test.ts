import { EnvironmentError } from "@outrider/contracts/environment";
import { describe, expect, it } from "vitest";
import { readConfig } from "./config.js";
import { partEnvironment } from "./parts.js";

function problems(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    return error.problems;
  }
}

describe("the environment", () => {
  it("may be empty: the demonstration, on this machine only", () => {
    expect(readConfig({ PATH: "/bin" })).toMatchObject({
      bind: "127.0.0.1",
      mqttPort: 1883,
      externalBroker: undefined,
      siteFile: undefined,
      agents: [],
      keepDemo: false,
    });
  });

  it("bounds what drain hooks may run and reach, for the part that runs them", () => {
    const config = readConfig({
      OUTRIDER_HOOK_DIR: "/etc/outrider/hooks/",
      OUTRIDER_WEBHOOK_ALLOW: "127.0.0.1/32",
    });
    expect(partEnvironment(config, { siteFile: "lab.yaml" }, 1883)).toMatchObject({
      OUTRIDER_HOOK_DIR: "/etc/outrider/hooks",
      OUTRIDER_WEBHOOK_ALLOW: "127.0.0.1/32",
    });
    const none = partEnvironment(readConfig({}), { siteFile: "lab.yaml" }, 1883);
    expect(none).not.toHaveProperty("OUTRIDER_HOOK_DIR");
  });

  it("names a site and the agents of it that run here", () => {
    expect(
      readConfig({ OUTRIDER_SITE: "lab.yaml", OUTRIDER_AGENTS: "rack-a, rack-b,rack-a" }),
    ).toMatchObject({ siteFile: "lab.yaml", agents: ["rack-a", "rack-b"] });
  });

  it.each([
    [
      { OUTRIDER_MQTT_PORT: "70000" },
      'OUTRIDER_MQTT_PORT="70000"; expected a TCP port, 0 to 65535',
    ],
    [{ OUTRIDER_BIND: "lan" }, 'OUTRIDER_BIND="lan"; expected an IP address of this machine'],
    [
      { OUTRIDER_SITE: "x", OUTRIDER_AGENTS: "Rack" },
      'OUTRIDER_AGENTS="Rack"; expected agent ids of the site file, separated by commas',
    ],
    [
      { OUTRIDER_AGENTS: "a" },
      "OUTRIDER_AGENTS is set; expected it only together with OUTRIDER_SITE",
    ],
    [
      { OUTRIDER_INFLUX_URL: "http://x" },
      "OUTRIDER_INFLUX_URL is set; this version does not support it yet, so nothing would act on it",
    ],
  ])("%j is refused by name, value and expectation", (environment, problem) => {
    expect(problems(environment)).toEqual([problem]);
  });

  it("refuses a misspelt name, and tells all that is wrong at once", () => {
    expect(problems({ OUTRIDER_SIET: "x", OUTRIDER_DEMO_KEEP: "maybe" })).toEqual([
      'OUTRIDER_DEMO_KEEP="maybe"; expected yes or no',
      expect.stringContaining("OUTRIDER_SIET is not known; expected one of OUTRIDER_BIND"),
    ]);
  });

  it("lets MQTT and HTTP without TLS leave this machine only when told so in so many words", () => {
    expect(problems({ OUTRIDER_BIND: "0.0.0.0" })).toEqual([
      expect.stringContaining("OUTRIDER_MQTT_PLAINTEXT=yes"),
      expect.stringContaining("OUTRIDER_HTTP_PLAINTEXT=yes"),
    ]);
    const said = { OUTRIDER_MQTT_PLAINTEXT: "yes", OUTRIDER_HTTP_PLAINTEXT: "yes" };
    expect(problems({ OUTRIDER_BIND: "0.0.0.0", ...said })).toEqual([]);
  });
});

import { EnvironmentError } from "@outrider/contracts/environment";
import { describe, expect, it } from "vitest";
import { readConfig } from "./config.js";
import { agentEnvironment, partEnvironment, telemetryEnvironment } from "./parts.js";

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

  it("hands the bounds of what is measured on to those who keep it", () => {
    const bounds = { OUTRIDER_TELEMETRY_SERIES: "x", OUTRIDER_READING_SPOOL_BYTES: "20000000" };
    const config = readConfig(bounds);
    expect(partEnvironment(config, { siteFile: "lab.yaml" }, 1883)).toMatchObject(bounds);
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

  it("hands secrets to the agents here and the telemetry service, and to no other part", () => {
    const secrets = {
      OUTRIDER_SECRET_POE: "c0mmunity",
      CREDENTIALS_DIRECTORY: "/run/credentials/outrider.service",
    };
    const config = readConfig(secrets);
    expect(agentEnvironment(config, 7420)).toMatchObject(secrets);
    const named = readConfig({ ...secrets, OUTRIDER_CONSOLE_LINK_URL: "tls://manager:7420" });
    expect(agentEnvironment(named, 7420)).toEqual(secrets);
    const part = partEnvironment(config, { siteFile: "lab.yaml" }, 1883);
    expect(part).not.toHaveProperty("OUTRIDER_SECRET_POE");
    expect(telemetryEnvironment(config, part)).toEqual({ ...part, ...secrets });
    expect(problems({ OUTRIDER_SECRETS: "x" })).toHaveLength(1);
  });

  it("starts the bridge to Home Assistant when told so, and lets nobody configure one that is not there", () => {
    expect(readConfig({}).homeAssistant).toBeUndefined();
    const form = { OUTRIDER_HOME_ASSISTANT_FORM: "entity" };
    expect(readConfig({ OUTRIDER_HOME_ASSISTANT: "yes", ...form }).homeAssistant).toEqual(form);
    expect(readConfig({ OUTRIDER_HOME_ASSISTANT: "yes" }).homeAssistant).toEqual({});
    expect(problems(form)).toEqual([
      "OUTRIDER_HOME_ASSISTANT_FORM is set; expected it only together with OUTRIDER_HOME_ASSISTANT=yes",
    ]);
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
      { OUTRIDER_MQTTS_PORT: "8883" },
      "OUTRIDER_MQTTS_PORT is set; this version does not support it yet, so nothing would act on it",
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
      expect.stringContaining("OUTRIDER_CONSOLE_LINK_PLAINTEXT=yes"),
    ]);
    const said = { OUTRIDER_MQTT_PLAINTEXT: "yes", OUTRIDER_HTTP_PLAINTEXT: "yes" };
    const links: Record<string, string>[] = [
      { OUTRIDER_CONSOLE_LINK_PLAINTEXT: "yes" },
      { OUTRIDER_CONSOLE_LINK_CERT_FILE: "/c", OUTRIDER_CONSOLE_LINK_KEY_FILE: "/k" },
    ];
    for (const link of links)
      expect(problems({ OUTRIDER_BIND: "0.0.0.0", ...said, ...link })).toEqual([]);
  });

  it("wants certificate and key of the console link together", () => {
    expect(problems({ OUTRIDER_CONSOLE_LINK_KEY_FILE: "/k" })).toEqual([
      "OUTRIDER_CONSOLE_LINK_CERT_FILE and OUTRIDER_CONSOLE_LINK_KEY_FILE; expected both or none",
    ]);
  });

  it("tells the console service and the agents here where consoles are", () => {
    const lab = { siteFile: "lab.yaml" };
    const plain = readConfig({ OUTRIDER_CONSOLE_LINK_PORT: "7000", OUTRIDER_SSH_PORT: "22" });
    expect(partEnvironment(plain, lab, 1883)).toMatchObject({
      OUTRIDER_SSH_PORT: "22",
      OUTRIDER_CONSOLE_LINK_PORT: "7000",
    });
    expect(agentEnvironment(plain, 7001)).toEqual({
      OUTRIDER_CONSOLE_LINK_URL: "tcp://127.0.0.1:7001",
    });
    const encrypted = readConfig({
      OUTRIDER_BIND: "::",
      OUTRIDER_MQTT_PLAINTEXT: "yes",
      OUTRIDER_HTTP_PLAINTEXT: "yes",
      OUTRIDER_CONSOLE_LINK_CERT_FILE: "/c",
      OUTRIDER_CONSOLE_LINK_KEY_FILE: "/k",
      OUTRIDER_CONSOLE_OPEN_BIND: "10.0.0.5",
    });
    expect(partEnvironment(encrypted, lab, 1883)).toMatchObject({
      OUTRIDER_CONSOLE_LINK_CERT_FILE: "/c",
      OUTRIDER_CONSOLE_OPEN_BIND: "10.0.0.5",
    });
    expect(agentEnvironment(encrypted, 7420)).toEqual({
      OUTRIDER_CONSOLE_LINK_URL: "tls://[::1]:7420",
    });
    const named = readConfig({ OUTRIDER_CONSOLE_LINK_URL: "tls://manager:7420" });
    expect(agentEnvironment(named, 7420)).toEqual({});
    expect(partEnvironment(named, lab, 1883)).toMatchObject({
      OUTRIDER_CONSOLE_LINK_URL: "tls://manager:7420",
    });
  });
});

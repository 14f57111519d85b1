import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EnvironmentError } from "@outrider/contracts/environment";
import { tempDir } from "@outrider/testing/temp-dir";
import { describe, expect, it } from "vitest";
import { readAgentConfig } from "./config.js";

describe("the agent's configuration", () => {
  it("has defaults for all but its id", () => {
    expect(readAgentConfig({ OUTRIDER_AGENT: "rack-a", OUTRIDER_DATA: "/nowhere" })).toMatchObject({
      id: "rack-a",
      mqttUrl: "mqtt://127.0.0.1:1883",
      dataDirectory: "/nowhere/agent-rack-a",
      bootIdFile: "/proc/sys/kernel/random/boot_id",
      consoleLink: { target: { host: "127.0.0.1", port: 7420 }, spoolBytes: 67_108_864 },
      readingSpoolBytes: 67_108_864,
    });
  });

  it.each([
    [{}, /OUTRIDER_AGENT is not set/],
    [{ OUTRIDER_AGENT: "Rack A" }, /OUTRIDER_AGENT="Rack A"; expected .*lower-case/],
    [
      { OUTRIDER_AGENT: "a", OUTRIDER_AGENT_SECRET_FILE: "/no/such" },
      /SECRET_FILE="\/no\/such"; expected a readable/,
    ],
    [
      { OUTRIDER_AGENT: "a", OUTRIDER_MQTT_URL: "http://x" },
      /OUTRIDER_MQTT_URL="http:\/\/x"; expected/,
    ],
    [
      { OUTRIDER_AGENT: "a", OUTRIDER_READING_SPOOL_BYTES: "1000000" },
      /OUTRIDER_READING_SPOOL_BYTES=1000000; expected at least 1048576/,
    ],
  ])("says what is wrong with %j", (environment, message) => {
    expect(() => readAgentConfig(environment)).toThrow(EnvironmentError);
    expect(() => readAgentConfig(environment)).toThrow(message);
  });

  it("lets an agent start whose broker is elsewhere: what its consoles lack is said, and power goes on", () => {
    const { consoleLink } = readAgentConfig({
      OUTRIDER_AGENT: "a",
      OUTRIDER_MQTT_URL: "mqtt://manager:1883",
    });
    expect(consoleLink.target).toBeUndefined();
    expect(consoleLink.problem).toMatch(
      /consoles would go to manager in plain text; set OUTRIDER_CONSOLE_LINK_CA_FILE/,
    );
  });

  it("finds the secret that the broker made on this host", async () => {
    await using dir = await tempDir();
    await mkdir(join(dir.path, "secrets"));
    await writeFile(join(dir.path, "secrets", "agent-a"), "s3cret\n");
    const config = readAgentConfig({ OUTRIDER_AGENT: "a", OUTRIDER_DATA: dir.path });
    expect(config).toMatchObject({ username: "agent:a", password: "s3cret" });
  });
});

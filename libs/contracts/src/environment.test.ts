import { describe, expect, it } from "vitest";
import {
  EnvironmentError,
  mqttUrl,
  optionalText,
  pattern,
  port,
  readEnvironment,
  text,
} from "./environment.js";

const VARIABLES = {
  BIND: text("127.0.0.1"),
  MQTT_PORT: port(1883),
  MQTT_URL: mqttUrl(),
  SITE: optionalText(),
  AGENT: pattern("an agent id", /^[a-z]+$/, "rack"),
};

describe("readEnvironment", () => {
  it("reads what is set and falls back for what is not, or is empty", () => {
    const url = "mqtt://127.0.0.1:1883";
    const values = readEnvironment(VARIABLES, {
      MQTT_URL: url,
      MQTT_PORT: "0",
      BIND: "",
      OTHER: "x",
    });
    const mqttPort: number = values.MQTT_PORT;
    const site: string | undefined = values.SITE;
    expect(values).toEqual({
      BIND: "127.0.0.1",
      MQTT_PORT: mqttPort,
      MQTT_URL: url,
      SITE: site,
      AGENT: "rack",
    });
    expect([mqttPort, site]).toEqual([0, undefined]);
  });

  it("names every wrong variable at once, with what was expected", () => {
    const read = (): unknown => readEnvironment(VARIABLES, { MQTT_PORT: "65536", AGENT: "A" });
    expect(read).toThrow(EnvironmentError);
    expect(read).toThrow(
      /^MQTT_PORT="65536"; expected a TCP port.*\nMQTT_URL is not set; .*\nAGENT="A"; expected an agent id$/,
    );
  });

  it.each(["-1", "1.5", "0x10", " 1", "1e3", "99999999999", "mqtt"])(
    "takes %j for no port",
    (value) => {
      expect(() => readEnvironment({ P: port() }, { P: value })).toThrow(EnvironmentError);
    },
  );

  it.each(["http://a:1", "mqtt://", "mqtt://a/b/c", "a:1883"])(
    "takes %j for no broker",
    (value) => {
      expect(() => readEnvironment({ U: mqttUrl() }, { U: value })).toThrow(EnvironmentError);
    },
  );
});

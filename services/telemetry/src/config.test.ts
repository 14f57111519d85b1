import { EnvironmentError } from "@outrider/contracts/environment";
import { describe, expect, it } from "vitest";
import { readTelemetryConfig } from "./config.js";

describe("the configuration of the telemetry service", () => {
  it("keeps what is measured in its own store unless told otherwise", () => {
    expect(readTelemetryConfig({}).influxUrl).toBeUndefined();
  });

  it.each([
    "http://127.0.0.1:8086/outrider",
    "https://outrider:secret@influx.example:8086/site",
    "victoria+http://127.0.0.1:8428",
    "influx2+https://influx.example/bucket",
  ])("takes the database %s", (url) => {
    expect(readTelemetryConfig({ OUTRIDER_INFLUX_URL: url }).influxUrl).toBe(url);
  });

  it.each(["127.0.0.1:8086", "mqtt://127.0.0.1", "http://", "http://a b"])("refuses %s", (url) => {
    expect(() => readTelemetryConfig({ OUTRIDER_INFLUX_URL: url })).toThrow(EnvironmentError);
  });
});

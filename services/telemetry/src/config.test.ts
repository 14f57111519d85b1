import { EnvironmentError } from "@outrider/contracts/environment";
import { describe, expect, it } from "vitest";
import { readTelemetryConfig } from "./config.js";
import { DATABASE_RETENTION, EMBEDDED_RETENTION } from "./store/store-config.js";

const HOUR_MS = 3_600_000;

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

  it("leaves the bounds of the store as they are unless told otherwise", () => {
    expect(readTelemetryConfig({}).bounds).toEqual({ retention: EMBEDDED_RETENTION });
    const url = { OUTRIDER_INFLUX_URL: "http://127.0.0.1:8086" };
    expect(readTelemetryConfig(url).bounds).toEqual({ retention: DATABASE_RETENTION });
    const bounds = {
      OUTRIDER_TELEMETRY_SERIES: "20000",
      OUTRIDER_TELEMETRY_BYTES: "20GB",
      OUTRIDER_TELEMETRY_SPOOL_BYTES: "64000000",
      OUTRIDER_TELEMETRY_KEEP_RAW: "36h",
      OUTRIDER_TELEMETRY_KEEP_HOURS: "5y",
    };
    expect(readTelemetryConfig(bounds).bounds).toEqual({
      maximumSeries: 20_000,
      embeddedBytes: 20e9,
      spoolBytes: 64e6,
      retention: { ...EMBEDDED_RETENTION, rawMs: 36 * HOUR_MS, hoursMs: 5 * 365 * 24 * HOUR_MS },
    });
  });

  it.each([
    ["OUTRIDER_TELEMETRY_SERIES", "10", /from 1000 to 1000000/],
    ["OUTRIDER_TELEMETRY_SERIES", "many", /from 1000/],
    ["OUTRIDER_TELEMETRY_BYTES", "1MB", /at least 64MB/],
    ["OUTRIDER_TELEMETRY_SPOOL_BYTES", "lots", /at least 32MB/],
    ["OUTRIDER_TELEMETRY_KEEP_RAW", "2h", /at least 3h/],
    ["OUTRIDER_TELEMETRY_KEEP_RAW", "32d", /KEEP_MINUTES=744h.*none shorter/],
    ["OUTRIDER_TELEMETRY_KEEP_MINUTES", "3y", /KEEP_HOURS=17544h.*none shorter/],
    ["OUTRIDER_TELEMETRY_KEEP_HOURS", "101y", /a time like/],
  ])("refuses %s=%s, saying what was expected", (name, value, message) => {
    const read = (): unknown => readTelemetryConfig({ [name]: value });
    expect(read).toThrow(EnvironmentError);
    expect(read).toThrow(message);
    expect(read).toThrow(`${name}=`);
  });

  it.each(["127.0.0.1:8086", "mqtt://127.0.0.1", "http://", "http://a b"])("refuses %s", (url) => {
    expect(() => readTelemetryConfig({ OUTRIDER_INFLUX_URL: url })).toThrow(EnvironmentError);
  });
});

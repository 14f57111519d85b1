import { EnvironmentError } from "@outrider/contracts/environment";
import { describe, expect, it } from "vitest";
import { readPowerConfig } from "./config.js";

const needed = { OUTRIDER_MQTT_URL: "mqtt://127.0.0.1:1883", OUTRIDER_DATA: "/var/lib/outrider" };

describe("the environment of the power service", () => {
  it("may bound what hooks run and reach", () => {
    const { own } = readPowerConfig({
      ...needed,
      OUTRIDER_HOOK_DIR: "/etc/outrider/hooks",
      OUTRIDER_WEBHOOK_ALLOW: "127.0.0.1/32",
    });
    expect(own.OUTRIDER_HOOK_DIR).toBe("/etc/outrider/hooks");
    expect(own.OUTRIDER_WEBHOOK_ALLOW).toEqual([["127.0.0.1", 32]]);
    expect(readPowerConfig(needed).own.OUTRIDER_HOOK_DIR).toBeUndefined();
  });

  it("names that folder from the root, since a service may be started anywhere", () => {
    expect(() => readPowerConfig({ ...needed, OUTRIDER_HOOK_DIR: "hooks" })).toThrow(
      EnvironmentError,
    );
  });
});

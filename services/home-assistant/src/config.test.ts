import { EnvironmentError } from "@outrider/contracts/environment";
import { describe, expect, it } from "vitest";
import { readHomeAssistantConfig } from "./config.js";

function problems(environment: Record<string, string>): readonly string[] {
  try {
    readHomeAssistantConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof EnvironmentError) return error.problems;
    throw error;
  }
}

describe("the configuration of the bridge", () => {
  it("is what a present Home Assistant expects", () => {
    expect(readHomeAssistantConfig({}).own).toEqual({
      OUTRIDER_HOME_ASSISTANT_FORM: "device",
      OUTRIDER_HOME_ASSISTANT_PREFIX: "homeassistant/",
      OUTRIDER_HOME_ASSISTANT_WEB: undefined,
    });
  });

  it("takes another prefix, of several levels too", () => {
    const { own } = readHomeAssistantConfig({ OUTRIDER_HOME_ASSISTANT_PREFIX: "house/discovery" });
    expect(own.OUTRIDER_HOME_ASSISTANT_PREFIX).toBe("house/discovery/");
  });

  it.each<Record<string, string>>([
    { OUTRIDER_HOME_ASSISTANT_FORM: "devices" },
    { OUTRIDER_HOME_ASSISTANT_PREFIX: "house/#" },
    { OUTRIDER_HOME_ASSISTANT_PREFIX: "/house" },
    { OUTRIDER_HOME_ASSISTANT_PREFIX: "+/x" },
    { OUTRIDER_HOME_ASSISTANT_WEB: "javascript:alert(1)" },
  ])("refuses %j", (environment) => {
    const [name = ""] = Object.keys(environment);
    expect(problems(environment)).toEqual([expect.stringContaining(name)]);
  });
});

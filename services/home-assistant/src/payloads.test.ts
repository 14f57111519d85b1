import { encode } from "@outrider/contracts/codec";
import { topicOf } from "@outrider/contracts/contract";
import { homeAssistantContracts } from "@outrider/contracts/home-assistant";
import type { NodeDescription } from "@outrider/contracts/node";
import { ACTIONS } from "@outrider/contracts/power";
import { describe, expect, it } from "vitest";
import type { Device } from "./entities/device.js";
import { nodeDevice } from "./entities/node-device.js";
import { entityOfQuantity, hasEntity } from "./entities/quantities.js";
import { agentDevice, siteDevice } from "./entities/site-devices.js";
import { documentsOf, FORMS, type Document, type Form } from "./forms.js";
import { AGENT, EVERY_QUANTITY, factsOf, FULL } from "./testing/samples.js";

const contracts = homeAssistantContracts();

/** What goes over the wire, by topic: checked as it is when it is published. */
function wireOf(documents: readonly Document[]): Record<string, unknown> {
  return Object.fromEntries(
    documents.map(({ levels: [platform, object, component], config }) =>
      component === undefined
        ? [topicOf(contracts.device, { platform, object }), said(encode(contracts.device, config))]
        : [
            topicOf(contracts.entity, { platform, object, component }),
            said(encode(contracts.entity, config)),
          ],
    ),
  );
}

function said(text: string): unknown {
  return JSON.parse(text);
}

function golden(name: string): string {
  return new URL(`../golden/${name}.json`, import.meta.url).pathname;
}

function deviceOf(description: NodeDescription): Device {
  const device = nodeDevice(factsOf(description), "https://outrider.example");
  if (!device) throw new Error("it is hidden");
  return device;
}

const devices: Record<string, Device> = {
  node: deviceOf(FULL),
  "node-read-only": deviceOf({ ...FULL, labels: {} }),
  agent: agentDevice("rack-a", "0.1.0"),
  site: siteDevice("lab", "0.1.0", ["inventory", "power"]),
};
const cases = Object.keys(devices).flatMap((name) =>
  FORMS.map((form): [string, Form] => [name, form]),
);

describe("what Home Assistant is told", () => {
  it.each(cases)("of the %s in the %s form", async (name, form) => {
    const device = devices[name];
    const text = `${JSON.stringify(wireOf(device ? documentsOf(device, form, "0.1.0") : []), undefined, 2)}\n`;
    await expect(text).toMatchFileSnapshot(golden(`${name}-${form}`));
  });

  it.each(FORMS)("names each entity once, also after every rename, in the %s form", (form) => {
    const idsOf = (device: Device) =>
      documentsOf(device, form, "1").flatMap(({ config }) =>
        config.components
          ? Object.values(config.components).map((one) => one.unique_id)
          : [config.unique_id],
      );
    const before = idsOf(deviceOf(FULL));
    const given = before.filter((id) => id !== undefined);
    expect(new Set(given).size).toBe(given.length);
    expect(idsOf(deviceOf({ ...FULL, name: "Something else" }))).toEqual(before);
  });
});

/** Platforms and keys of what can act. */
function actingIn(description: Partial<NodeDescription>): string[] {
  return deviceOf({ ...FULL, ...description })
    .entities.filter(({ config }) => config.command_topic !== undefined)
    .map(({ platform, key }) => `${platform}.${key}`);
}

describe("control", () => {
  const asLabelled = (word: string) => actingIn({ labels: { "home-assistant": word } });

  it("is given by the word of its label alone", () => {
    expect(asLabelled("control")).toContain("switch.power");
    for (const word of ["read-only", "Control", "yes"]) expect(asLabelled(word)).toEqual([]);
    expect(actingIn({ labels: {} })).toEqual([]);
    const hidden = { ...FULL, labels: { "home-assistant": "hidden" } };
    expect(nodeDevice(factsOf(hidden))).toBeUndefined();
  });

  it("offers what the node supports and nothing else", () => {
    const { identify: _, ...interfaces } = FULL.interfaces;
    expect(actingIn({ supportedActions: [...ACTIONS], interfaces })).toEqual([
      "switch.power",
      "button.graceful_restart",
      "button.force_restart",
      "button.power_cycle",
      "button.force_off",
      "button.push_power_button",
      "button.nmi",
    ]);
    expect(actingIn({ supportedActions: ["On", "ForceOff"], interfaces })).toEqual([
      "button.on",
      "button.force_off",
    ]);
    expect(actingIn({ supportedActions: [], interfaces })).toEqual([]);
  });

  it("switches off by asking the system, never by force", () => {
    const power = deviceOf(FULL).entities.find(({ key }) => key === "power");
    expect(power?.config).toMatchObject({ payload_on: "On", payload_off: "GracefulShutdown" });
    for (const { config } of deviceOf(FULL).entities)
      expect(config.payload_off).not.toBe("ForceOff");
  });

  it("gives every command an id, and is never retained", () => {
    for (const { key, config } of deviceOf(FULL).entities) {
      if (config.command_topic === undefined) continue;
      expect(config.retain, key).toBe(false);
      if (key !== "identify") expect(config.command_template, key).toContain('"id": "ha-{{');
    }
  });

  it("stays with a node that hangs: nothing that acts looks at its life", () => {
    for (const { key, config } of deviceOf(FULL).entities) {
      expect(JSON.stringify(config.availability ?? [])).not.toContain("liveness");
      if (config.command_topic === undefined) continue;
      if (key === "identify") continue;
      expect(config.availability_mode).toBe("all");
      expect(config.availability?.map(({ topic }) => topic)).toEqual([
        "outrider/v1/service/power/status",
        "outrider/v1/node/n-1/status",
      ]);
    }
  });

  it("of the lamp is there as long as somebody answers, as a node may have a lamp and no supply", () => {
    const lamp = deviceOf(FULL).entities.find(({ key }) => key === "identify");
    expect(lamp?.config.availability?.map(({ topic }) => topic)).toEqual([
      "outrider/v1/service/power/status",
    ]);
  });
});

describe("a quantity", () => {
  it("of a later version is left out, and takes no other with it", () => {
    const endpoints = AGENT.endpoints.map((one) =>
      one.quantities
        ? { ...one, quantities: [...one.quantities, "somethingOfALaterVersion"] }
        : one,
    );
    const { sensors } = factsOf(FULL, { ...AGENT, endpoints });
    expect(sensors).toEqual(factsOf(FULL).sensors);
    expect(sensors.length).toBeGreaterThan(0);
  });

  it.each(EVERY_QUANTITY)("%s is shown in a way of its own", (quantity) => {
    expect(hasEntity(quantity), "an entry in quantities.ts").toBe(true);
  });

  it("has a name of its own", () => {
    const keys = EVERY_QUANTITY.map((quantity) => entityOfQuantity(quantity).key);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("has a unit that Home Assistant takes for its class", () => {
    // homeassistant/components/sensor/const.py, DEVICE_CLASS_UNITS
    const units: Record<string, string | undefined> = {
      voltage: "V",
      current: "A",
      power: "W",
      energy: "Wh",
      frequency: "Hz",
      power_factor: undefined,
      temperature: "°C",
      humidity: "%",
      data_rate: "Mbit/s",
      data_size: "B",
      duration: "s",
    };
    for (const quantity of EVERY_QUANTITY) {
      const { platform, deviceClass, unit, stateClass } = entityOfQuantity(quantity);
      if (platform === "binary_sensor") expect([unit, stateClass]).toEqual([undefined, undefined]);
      else if (deviceClass !== undefined) {
        expect(Object.keys(units)).toContain(deviceClass);
        expect(unit).toBe(units[deviceClass]);
      }
    }
  });
});

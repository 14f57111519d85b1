import { describe, expect, it } from "vitest";
import { isPublicTopic, mayPublish, type Identity } from "./acl.js";
import { decode, encode } from "./codec.js";
import { filterOf, matchTopic, topicOf } from "./contract.js";
import {
  homeAssistantContracts,
  homeAssistantDocuments,
  homeAssistantObject,
  nodeOfDiscovery,
} from "./home-assistant.js";

const { device, entity, status } = homeAssistantContracts();
const bridge: Identity = { kind: "service", name: "home-assistant" };
const others: Identity[] = [
  { kind: "service", name: "power" },
  { kind: "person", name: "ada" },
  { kind: "person", name: "eve", role: "viewer" },
  { kind: "agent", name: "rack-a" },
];
const object = homeAssistantObject("node", "n1");
const topics = [
  topicOf(device, { platform: "device", object }),
  topicOf(entity, { platform: "switch", object, component: "power" }),
];

describe("the topics of Home Assistant", () => {
  it("are where it looks for them", () => {
    expect(topics).toEqual([
      "homeassistant/device/outrider_node_n1/config",
      "homeassistant/switch/outrider_node_n1/power/config",
    ]);
    expect(filterOf(status)).toBe("homeassistant/status");
    expect(matchTopic(device, topics[0] ?? "")).toEqual({ platform: "device", object });
    expect(matchTopic(device, `outrider/v1/${topics[0]}`)).toBeUndefined();
    expect(nodeOfDiscovery(topics[1] ?? "")).toBe("n1");
    expect(nodeOfDiscovery("homeassistant/device/0x00158d0001/config")).toBeUndefined();
  });

  it("are written by the bridge alone, and read by everybody", () => {
    for (const topic of topics) {
      expect(mayPublish(bridge, topic)).toBe(true);
      for (const one of others) expect(mayPublish(one, topic)).toBe(false);
      expect(isPublicTopic(topic)).toBe(true);
    }
    expect(mayPublish(bridge, "homeassistant/anything/else")).toBe(false);
  });

  it("let Home Assistant say that it runs, whatever else its account may do", () => {
    const allowed = others.filter((one) => mayPublish(one, "homeassistant/status"));
    expect(allowed.map(({ name }) => name)).toEqual(["ada", "eve"]);
    expect(decode(status, "online")).toEqual({ ok: true, value: { state: "online" } });
    expect(decode(status, "")).toMatchObject({ ok: false });
  });

  it("are elsewhere where its prefix is another", () => {
    const { device: elsewhere } = homeAssistantContracts("house/");
    expect(topicOf(elsewhere, { platform: "device", object })).toBe(
      "house/device/outrider_node_n1/config",
    );
    expect(mayPublish(bridge, "house/device/outrider_node_n1/config")).toBe(false);
  });

  it("carry documents that are checked when written, and anybody's when read", () => {
    expect(() => encode(device, { devise: {} } as never)).toThrow("devise");
    const foreign = JSON.stringify({ availability: { topic: "x" }, device: "0x1" });
    expect(decode(homeAssistantDocuments().device, foreign)).toMatchObject({ ok: true });
  });
});

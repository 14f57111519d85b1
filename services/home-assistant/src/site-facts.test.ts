import { agentId, nodeId } from "@outrider/contracts/ids";
import { beforeEach, describe, expect, it } from "vitest";
import { SiteFacts } from "./site-facts.js";
import { AGENT, FULL } from "./testing/samples.js";

const NODE = "outrider_node_n-1";
const agent = agentId("rack-a");
const DESIRED = {
  generation: 1,
  endpoints: [
    {
      endpoint: AGENT.endpoints.find(({ port }) => port === "sensor")?.endpoint ?? ("" as never),
      node: nodeId("n-1"),
      port: "sensor" as const,
      driver: "simulated",
      options: {},
      restore: "None" as const,
      dwellMs: 1000,
      sampleEveryMs: 1000,
      staleAfterMs: 9500,
    },
  ],
};

describe("what is known of a site", () => {
  let changed: string[];
  let facts: SiteFacts;

  beforeEach(() => {
    changed = [];
    facts = new SiteFacts((object) => changed.push(object));
  });

  const keysOf = (object: string) =>
    facts.device(object, undefined)?.entities.map(({ key }) => key) ?? [];
  const spanOf = () =>
    facts.device(NODE, undefined)?.entities.find(({ key }) => key === "board_temperature")?.config
      .expire_after;

  it("shows the sensors of a node once its agent has spoken, and their age from what it was asked", () => {
    facts.node("n-1", FULL);
    expect(facts.device(NODE, undefined)?.complete).toBe(false);
    expect(keysOf(NODE)).not.toContain("board_temperature");
    changed = [];
    facts.agent(agent, AGENT);
    expect(changed).toContain(NODE);
    expect(facts.device(NODE, undefined)?.complete).toBe(true);
    expect(spanOf()).toBe(60);
    facts.desired(agent, DESIRED);
    expect(spanOf()).toBe(10);
  });

  it("is not sure of what an endpoint can that could not be opened", () => {
    facts.node("n-1", FULL);
    const endpoints = AGENT.endpoints.map((one) =>
      one.port === "power" ? { ...one, state: "failed" as const } : one,
    );
    facts.agent(agent, { ...AGENT, endpoints });
    expect(facts.device(NODE, undefined)?.complete).toBe(false);
  });

  it("believes nothing of a driver that stood there before", () => {
    facts.node("n-1", FULL);
    const endpoints = AGENT.endpoints.map((one) => ({ ...one, driver: "other" }));
    facts.agent(agent, { ...AGENT, endpoints });
    expect(keysOf(NODE)).not.toContain("board_temperature");
  });

  it("forgets what is not said again after a doubt", () => {
    facts.node("n-1", FULL);
    facts.node("n2", { ...FULL, id: nodeId("n2") });
    facts.doubt();
    facts.node("n2", { ...FULL, id: nodeId("n2") });
    facts.settle();
    expect(facts.device(NODE, undefined)).toBeUndefined();
    expect(facts.device("outrider_node_n2", undefined)?.id).toBe("n2");
  });

  it("has an agent as long as a node is wired to it, or it speaks", () => {
    const object = "outrider_agent_rack-a";
    expect(facts.device(object, undefined)).toBeUndefined();
    facts.node("n-1", FULL);
    expect(facts.device(object, undefined)?.about).not.toHaveProperty("sw_version");
    const status = { state: "ready", epoch: "e", version: "7", startedAt: "" } as const;
    facts.agentStatus(agent, status);
    facts.node("n-1", undefined);
    expect(facts.device(object, undefined)?.about).toMatchObject({ sw_version: "7" });
    facts.agentStatus(agent, undefined);
    expect(facts.device(object, undefined)).toBeUndefined();
    expect(facts.objects()).toEqual(["outrider_site_outrider"]);
  });

  it("has a site with the services that have spoken", () => {
    const object = "outrider_site_outrider";
    expect(facts.device(object, undefined)).toBeUndefined();
    facts.site({ name: "lab", version: "1" });
    for (const service of ["power", "home-assistant", "power"]) facts.service(service);
    expect(facts.device(object, undefined)?.name).toBe("lab");
    expect(keysOf(object)).toEqual(["problem", "service_home_assistant", "service_power"]);
  });
});

import type { AgentDescription } from "@outrider/contracts/agent";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { expect, it } from "vitest";
import type { Call } from "../http/route.js";
import { Mirror } from "../mirror/mirror.js";
import type { GatewayParts } from "../parts.js";
import { AGENT_ROUTES } from "./agents.js";

it("what an agent says of its nodes is not shown to who may see some nodes only", async () => {
  const mirror = new Mirror(new VirtualClock());
  const description = { generation: 1, endpoints: [{ node: "n9" }] } as unknown as AgentDescription;
  mirror.hearAgent("rack-a", { description });
  const get = AGENT_ROUTES.find(({ id }) => id === "getAgent");
  const shown = async (nodes: string[] | undefined): Promise<string> => {
    const subject = { kind: "person", name: "a", rights: ["read"], nodes };
    const call = { params: { agent: "rack-a" }, subject } as unknown as Call;
    return JSON.stringify((await get?.handle(call as never, { mirror } as GatewayParts))?.body);
  };
  expect(await shown(undefined)).toContain("n9");
  expect(await shown(["n1"])).toBe('{"id":"rack-a"}');
});

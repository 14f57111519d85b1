import { nodeId } from "@outrider/contracts/ids";
import { describe, expect, it } from "vitest";
import { ofNode } from "./announced-services.js";

const HEARTBEAT = {
  port: "heartbeat",
  driver: "ping",
  options: { host: "10.0.0.31" },
  why: "It announces itself.",
  confidence: "low",
} as const;
const MAC = "d8:3a:dd:00:00:01";
const asked = {
  nodes: [
    { node: nodeId("n1"), macs: [MAC] },
    { node: nodeId("n2"), macs: [] },
  ],
};

describe("what announces itself", () => {
  it("is a node's by the address of its interface", () => {
    expect(ofNode({ ...HEARTBEAT, host: "n2", mac: MAC }, asked)).toEqual({
      ...HEARTBEAT,
      node: "n1",
      confidence: "high",
      why: `It announces itself. Its address ${MAC} is the node's.`,
    });
  });

  it("is perhaps a node's by its name, which anybody can give himself", () => {
    expect(ofNode({ ...HEARTBEAT, host: "n2" }, asked)).toMatchObject({
      node: "n2",
      confidence: "medium",
      why: expect.stringContaining("anybody can give himself") as string,
    });
  });

  it.each(["n3", "N1", "n1.evil", "__proto__"])("named %s is nobody's", (host) => {
    const { host: _, ...rest } = { ...HEARTBEAT, host };
    expect(ofNode({ ...HEARTBEAT, host }, asked)).toEqual(rest);
  });

  it("as a plug is nobody's, however it is named: what hangs on it nobody knows", () => {
    const plug = { ...HEARTBEAT, port: "power", driver: "shelly", host: "n2", mac: MAC } as const;
    expect(ofNode(plug, asked)).not.toHaveProperty("node");
  });
});

import type { AgentDescription, DescribedDriver } from "@outrider/contracts/agent";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { expect, it } from "vitest";
import type { Call } from "../http/route.js";
import { Mirror } from "../mirror/mirror.js";
import type { GatewayParts } from "../parts.js";
import { driversOf, ENDPOINT_ROUTES } from "./endpoints.js";

const driver = (port: "power" | "sensor", name: string, more: object = {}): DescribedDriver => ({
  port,
  driver: name,
  summary: "A thing.",
  actions: [],
  options: {},
  ...more,
});
const agent = (id: string, ...drivers: DescribedDriver[]) => ({
  id,
  description: { drivers } as unknown as AgentDescription,
});

it("each driver is listed once with all its agents, and apart where agents have it differently", () => {
  const views = driversOf([
    agent("a", driver("sensor", "hwmon"), driver("power", "plug")),
    agent("b", driver("power", "plug"), driver("power", "gpio")),
    agent("c", driver("power", "plug", { proof: "a plug" })),
    { id: "never-heard" },
  ]);
  expect(views.map(({ port, driver: name, agents }) => [port, name, agents])).toEqual([
    ["power", "gpio", ["b"]],
    ["power", "plug", ["a", "b"]],
    ["power", "plug", ["c"]],
    ["sensor", "hwmon", ["a"]],
  ]);
});

it("an endpoint of a node that somebody may not see is not there, and nothing is asked of anybody", async () => {
  const mirror = new Mirror(new VirtualClock());
  const test = ENDPOINT_ROUTES.find(({ id }) => id === "testEndpoint");
  const call = {
    params: { endpoint: "n9.power" },
    subject: { kind: "person", name: "a", rights: ["power"], nodes: ["n1"] },
  } as unknown as Call;
  // Whatever else it touched would be undefined.
  await expect(test?.handle(call as never, { mirror } as GatewayParts)).rejects.toMatchObject({
    code: "unknown-node",
  });
});

import type { AgentDescription, DescribedEndpoint } from "@outrider/contracts/agent";
import { agentId, endpointId, nodeId, type InterfaceKind } from "@outrider/contracts/ids";
import type { NodeDescription } from "@outrider/contracts/node";
import { ACTIONS } from "@outrider/contracts/power";
import { QUANTITIES, type Quantity } from "@outrider/contracts/reading";
import { nodeFacts, type NodeFacts } from "../entities/node-facts.js";

const agent = agentId("rack-a");
const node = nodeId("n-1");

function binding(kind: InterfaceKind, name?: string) {
  return { agent, endpoint: endpointId(node, kind, name), driver: "simulated" };
}

/** A node that has everything. */
export const FULL: NodeDescription = {
  id: node,
  name: "Storage one",
  roles: ["storage"],
  labels: { "home-assistant": "control", area: "Cellar" },
  supportedActions: [...ACTIONS],
  gracefulLimitMs: 120_000,
  firmware: "raspberry-pi-5",
  interfaces: {
    power: [{ ...binding("power"), actions: ["On", "ForceOff", "PowerCycle"] }],
    console: [{ ...binding("console"), actions: [] }],
    identify: [binding("identify")],
    sensor: [binding("sensor", "board"), binding("sensor", "psu-a")],
    heartbeat: [binding("heartbeat", "lan")],
  },
};

const QUANTITIES_OF: Readonly<Record<string, readonly Quantity[]>> = {
  board: ["temperatureCelsius", "fanRevolutionsPerMinute", "underVoltage", "diskHealthy"],
  "psu-a": ["voltageVolts", "currentAmperes", "powerWatts", "energyWattHours", "powerGood"],
};

/** What the agent of {@link FULL} says of it. */
export const AGENT: AgentDescription = {
  epoch: "e",
  generation: 1,
  drivers: [],
  fences: {},
  endpoints: Object.entries(FULL.interfaces).flatMap(([port, bindings]) =>
    bindings.map(({ endpoint, driver }): DescribedEndpoint => {
      const quantities = QUANTITIES_OF[endpoint.split(".")[2] ?? ""];
      return {
        endpoint,
        node,
        port: port as InterfaceKind,
        driver,
        state: "bound",
        actions: [],
        ...(quantities ? { quantities: [...quantities] } : {}),
        ...(port === "heartbeat" ? { proves: "network" as const } : {}),
      };
    }),
  ),
};

export function factsOf(description: NodeDescription = FULL, said = AGENT): NodeFacts {
  return nodeFacts(description, new Map([[agent, said]]), () => 15_000);
}

/** One sensor with every quantity that there is. */
export const EVERY_QUANTITY = Object.keys(QUANTITIES) as Quantity[];

import type { AgentDescription, DescribedEndpoint } from "@outrider/contracts/agent";
import type { InterfaceBinding, NodeDescription } from "@outrider/contracts/node";
import { isQuantity, type Quantity } from "@outrider/contracts/reading";

/** The label of a node that says what Home Assistant may do with it. */
export const HOME_ASSISTANT_LABEL = "home-assistant";
export const ACCESSES = ["control", "read-only", "hidden"] as const;
/** Without the label, and with any other word, it may only look. */
export type Access = (typeof ACCESSES)[number];

/** The label of a node that says where it is. */
export const AREA_LABEL = "area";

/** A sensor of a node, as its agent has it. */
export interface SensorFacts {
  readonly name: string;
  readonly quantities: readonly Quantity[];
  /** Age at which what it said is stale. */
  readonly staleAfterMs: number;
}

/** What is known of a node. */
export interface NodeFacts {
  readonly description: NodeDescription;
  readonly sensors: readonly SensorFacts[];
  /** Whether somebody looks for signs of its life. */
  readonly hasHeartbeat: boolean;
  /** Whether every agent that is wired to it has said what it can do. */
  readonly complete: boolean;
}

const DEFAULT_STALE_MS = 60_000;

export function accessOf({ labels }: NodeDescription): Access {
  const said = labels[HOME_ASSISTANT_LABEL];
  return ACCESSES.find((one) => one === said) ?? "read-only";
}

/** What is told of these decides which controls there are. */
const ACTING = ["power", "reset", "button", "console"] as const;

/**
 * Puts together what inventory and agents have said of a node.
 * @param staleAfterMs of an endpoint, as it was asked of its agent
 */
export function nodeFacts(
  description: NodeDescription,
  agents: ReadonlyMap<string, AgentDescription>,
  staleAfterMs: (agent: string, endpoint: string) => number | undefined,
): NodeFacts {
  const { interfaces } = description;
  const known = (binding: InterfaceBinding) => describedBy(binding, agents);
  const sensors = (interfaces.sensor ?? []).map((binding) => ({ binding, is: known(binding) }));
  return {
    description,
    sensors: sensors.flatMap(({ binding: { agent, endpoint }, is }): SensorFacts[] => {
      const name = endpoint.split(".")[2];
      if (!is?.quantities || name === undefined) return [];
      const span = staleAfterMs(agent, endpoint) ?? DEFAULT_STALE_MS;
      // What only a later version measures has no unit here to be shown in.
      return [{ name, quantities: is.quantities.filter(isQuantity), staleAfterMs: span }];
    }),
    hasHeartbeat: interfaces.heartbeat !== undefined,
    // An endpoint that could not be opened may be one that can do less than it could.
    complete:
      ACTING.flatMap((kind) => interfaces[kind] ?? []).every(
        (binding) => known(binding)?.state === "bound",
      ) && sensors.every(({ is }) => is?.quantities !== undefined),
  };
}

function describedBy(
  { agent, endpoint, driver }: InterfaceBinding,
  agents: ReadonlyMap<string, AgentDescription>,
): DescribedEndpoint | undefined {
  const found = agents.get(agent)?.endpoints.find((one) => one.endpoint === endpoint);
  // What an agent still says of the driver that stood here before is not about this one.
  return found?.driver === driver ? found : undefined;
}

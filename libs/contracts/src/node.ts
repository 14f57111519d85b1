import { contract } from "./contract.js";
import {
  AnyObject,
  EndpointIdText,
  Id,
  Integer,
  ListOf,
  MapOf,
  OneOf,
  Optional,
  Text,
  Timestamp,
  WordList,
} from "./decorators.js";
import {
  ID_PATTERN,
  INTERFACE_KINDS,
  type AgentId,
  type EndpointId,
  type InterfaceKind,
  type NodeId,
} from "./ids.js";
import { ACTIONS, type Action } from "./power.js";

export const WAKES = ["button", "wol", "supply-cycle"] as const;
/** How a halted host on a live supply is woken. */
export type Wake = (typeof WAKES)[number];

/** What an endpoint can do: what people ask for, and what only a ladder does. */
const BOUND_ACTIONS = [...ACTIONS, "Wake"] as const;

export const LABEL_PATTERN = /^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$/;
const KIND_PATTERN = new RegExp(`^(${INTERFACE_KINDS.join("|")})$`);

/** Where one interface of a node is driven from. */
export class InterfaceBinding {
  @Id() agent!: AgentId;
  @EndpointIdText() endpoint!: EndpointId;
  @Id() driver!: string;
  /** What the endpoint can do, in the words of its port; known once its agent has described it. */
  @Optional() @WordList(BOUND_ACTIONS) actions?: (typeof BOUND_ACTIONS)[number][];
}

/** A node as declared: what people call it, what it is for, and which wires lead to it. */
export class NodeDescription {
  @Id() id!: NodeId;
  @Text(200) name!: string;
  @ListOf(ID_PATTERN, 32) roles!: string[];
  @MapOf(LABEL_PATTERN, { text: 200 }, 64) labels!: Record<string, string>;
  @Optional() @OneOf(WAKES) wake?: Wake;
  /** The actions that the node's interfaces allow. */
  @WordList(ACTIONS) supportedActions!: Action[];
  /** How long a graceful action waits for the host, in milliseconds. */
  @Integer(1000, 3_600_000) gracefulLimitMs!: number;
  @MapOf(KIND_PATTERN, { nestedList: () => InterfaceBinding, maxItems: 64 }, 8)
  interfaces!: Partial<Record<InterfaceKind, InterfaceBinding[]>>;
  /** What its firmware is, which tells how it is booted. */
  @Optional() @Id() firmware?: string;
}

export const MANAGEMENT = ["Available", "Unavailable"] as const;
export const LIVENESS = ["Alive", "Silent", "Unknown"] as const;
export const HEALTH = ["OK", "Warning", "Critical", "Unknown"] as const;

/** Whether a node can be managed, is alive and is well: three things, none concluded from another. */
export class NodeStatus {
  @OneOf(MANAGEMENT) management!: (typeof MANAGEMENT)[number];
  @OneOf(LIVENESS) liveness!: (typeof LIVENESS)[number];
  @OneOf(HEALTH) health!: (typeof HEALTH)[number];
  @Timestamp() observedAt!: string;
  @Integer(1, 86_400_000) staleAfterMs!: number;
}

export const SEVERITIES = ["info", "notice", "warning", "error", "critical"] as const;

/** Something that happened to a node and is worth a line in its history. */
export class NodeEvent {
  @Text(64) id!: string;
  @Timestamp() at!: string;
  @OneOf(SEVERITIES) severity!: (typeof SEVERITIES)[number];
  @Id() kind!: string;
  @Text(1000) message!: string;
  @Optional() @AnyObject() data?: Record<string, unknown>;
}

export const nodeDescription = contract("node/{node}/description", {
  payload: NodeDescription,
  kind: "report",
  writer: "inventory",
  audience: "public",
  qos: 1,
  retain: true,
  summary:
    "What a node is: name, roles, labels, supported actions, and the endpoints of its interfaces.",
});

export const nodeStatus = contract("node/{node}/status", {
  payload: NodeStatus,
  kind: "report",
  writer: "telemetry",
  audience: "public",
  qos: 1,
  retain: true,
  summary: "Whether a node can be managed, is alive and is well.",
});

export const nodeEvent = contract("node/{node}/event", {
  payload: NodeEvent,
  kind: "report",
  writer: "services",
  audience: "public",
  qos: 1,
  retain: false,
  summary: "Something that happened to a node.",
});

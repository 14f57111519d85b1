/** Ids that become topic levels, file names and log fields. Nothing else from a user ever does. */

declare const brand: unique symbol;
type Branded<T extends string> = string & { readonly [brand]: T };

export type NodeId = Branded<"NodeId">;
export type AgentId = Branded<"AgentId">;
/** `<node>.<kind>`, `<node>.sensor.<name>` or `<node>.heartbeat.<name>`. */
export type EndpointId = Branded<"EndpointId">;
/** Minted by a client or, failing that, by the service that accepts the command. */
export type CommandId = Branded<"CommandId">;

const LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

export const ID_PATTERN = new RegExp(`^${LABEL}$`);
export const COMMAND_ID_PATTERN = /^[A-Za-z0-9._:-]{1,64}$/;
export const ENDPOINT_ID_PATTERN = new RegExp(
  `^${LABEL}\\.(power|reset|button|boot|console|identify|sensor\\.${LABEL}|heartbeat\\.${LABEL})$`,
);
/** What a Linux user name, a unit and a topic level all accept. */
export const ACTOR_PATTERN = /^[a-z-]{1,16}:[A-Za-z0-9._@-]{1,64}$/;

export const INTERFACE_KINDS = [
  "power",
  "reset",
  "button",
  "boot",
  "console",
  "sensor",
  "heartbeat",
  "identify",
] as const;
export type InterfaceKind = (typeof INTERFACE_KINDS)[number];

/** What drivers are written for: interfaces of nodes, and what only other drivers need. */
export const PORT_KINDS = [...INTERFACE_KINDS, "digital-output", "digital-input"] as const;
export type PortKind = (typeof PORT_KINDS)[number];

export const SERVICES = [
  "inventory",
  "power",
  "console",
  "boot",
  "telemetry",
  "gateway",
  "home-assistant",
] as const;
export type ServiceName = (typeof SERVICES)[number];

export function isNodeId(text: string): text is NodeId {
  return ID_PATTERN.test(text);
}

export function isAgentId(text: string): text is AgentId {
  return ID_PATTERN.test(text);
}

export function isEndpointId(text: string): text is EndpointId {
  return ENDPOINT_ID_PATTERN.test(text);
}

export function isCommandId(text: string): text is CommandId {
  return COMMAND_ID_PATTERN.test(text);
}

/** @throws TypeError when `text` is no node id; for literals and values that were validated before. */
export function nodeId(text: string): NodeId {
  if (!isNodeId(text))
    throw new TypeError("not a node id: lower-case letters, digits and inner hyphens, at most 63");
  return text;
}

/** @throws TypeError when `text` is no agent id. */
export function agentId(text: string): AgentId {
  if (!isAgentId(text))
    throw new TypeError(
      "not an agent id: lower-case letters, digits and inner hyphens, at most 63",
    );
  return text;
}

/** @throws TypeError when the parts do not make an endpoint id. */
export function endpointId(node: string, kind: InterfaceKind, name?: string): EndpointId {
  const text = name === undefined ? `${node}.${kind}` : `${node}.${kind}.${name}`;
  if (!isEndpointId(text))
    throw new TypeError("not an endpoint id: <node>.<kind>, with a name for sensor and heartbeat");
  return text;
}

/** @throws TypeError when `text` is no command id. */
export function commandId(text: string): CommandId {
  if (!isCommandId(text)) throw new TypeError("not a command id: 1 to 64 of A-Z a-z 0-9 . _ : -");
  return text;
}

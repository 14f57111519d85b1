import { IsBoolean, Matches } from "class-validator";
import { contract } from "./contract.js";
import { Id, Optional, Timestamp } from "./decorators.js";
import type { NodeId } from "./ids.js";
import { operation } from "./service-plane.js";

/** `on`, `off`, or how many seconds it shall shine. */
export const IDENTIFY_PATTERN = /^(on|off|[1-9][0-9]{0,4})$/;

/** Asks for the lamp of a node. On the wire a bare word (`on`, `off`, `30`) is the same as `{"state": "on"}`. */
export class IdentifySet {
  /** `on`, `off`, or for how many seconds, 1 to 99999; it then goes out by itself. */
  @Matches(IDENTIFY_PATTERN) state!: string;
}

export const identifySet = contract("node/{node}/identify/set", {
  payload: IdentifySet,
  kind: "ask",
  bareWord: "state",
  writer: "anyone",
  audience: "public",
  qos: 1,
  retain: false,
  maxBytes: 1024,
  summary: "Lets the lamp of a node shine: `on`, `off`, or for how many seconds. Never retained.",
});

export class IdentifyNode {
  @Id() node!: NodeId;
  /** `on`, `off`, or for how many seconds, 1 to 99999. */
  @Matches(IDENTIFY_PATTERN) state!: string;
}

export class NodeIdentified {
  @Id() node!: NodeId;
  /** As it was read back. */
  @IsBoolean() on!: boolean;
  /** When it goes out by itself. */
  @Optional() @Timestamp() until?: string;
}

export const identifyNode = operation("power", "identify-node", {
  request: IdentifyNode,
  reply: NodeIdentified,
  summary: "Lets the lamp of a node shine, or puts it out.",
});

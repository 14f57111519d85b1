import { IsBoolean, Matches } from "class-validator";
import { DesiredNeed } from "./agent.js";
import { contract } from "./contract.js";
import {
  ActorText,
  AnyObject,
  CommandIdText,
  EndpointIdText,
  ExactlyOne,
  Id,
  Integer,
  ListOf,
  MapOf,
  Nested,
  NestedList,
  OneOf,
  Optional,
  Text,
} from "./decorators.js";
import {
  ID_PATTERN,
  PORT_KINDS,
  type CommandId,
  type EndpointId,
  type NodeId,
  type PortKind,
} from "./ids.js";
import { VIAS, type Via } from "./power.js";
import { SecretReference } from "./secret.js";
import { ClockReading } from "./service.js";
import { Problem } from "./service-plane.js";
import {
  SNMP_AUTH_PROTOCOLS,
  SNMP_PRIVACY_PROTOCOLS,
  SNMP_USER,
  type SnmpAuthProtocol,
  type SnmpPrivacyProtocol,
} from "./snmp.js";

/**
 * What services ask agents and want an answer to. Nothing here switches a supply or touches what a host does: that is
 * a command, which is journalled. A request is answered once, or not at all; asking again is safe.
 */

/** Asks an agent for one of its operations. */
export class AgentRequest {
  @Integer(1, 1000) v!: number;
  @CommandIdText() id!: CommandId;
  /** Where the reply goes: one client is one process for its life. */
  @Id() client!: string;
  @ActorText() actor!: string;
  @OneOf(VIAS) via!: Via;
  /** The issuer's monotonic clock at issue. */
  @Nested(() => ClockReading) clock!: ClockReading;
  /** How long the asker waits from then on, in milliseconds. What cannot be begun by then is not done. */
  @Integer(100, 600_000) ttlMs!: number;
  /** The session of the agent that was meant. */
  @Text(64) epoch!: string;
  /** As the operation's request class says. */
  @AnyObject() body!: Record<string, unknown>;
}

/** The one reply to a request. */
export class AgentReply {
  /** That of the request. */
  @CommandIdText() @ExactlyOne("body", "problem") id!: CommandId;
  /** As the operation's reply class says. */
  @Optional() @AnyObject() body?: Record<string, unknown>;
  @Optional() @Nested(() => Problem) problem?: Problem;
}

export const agentRequest = contract("agent/{agent}/request/{operation}", {
  payload: AgentRequest,
  kind: "ask",
  writer: ["inventory", "power"],
  audience: "private",
  qos: 1,
  retain: false,
  summary:
    "Asks an agent for something that touches no supply: what is wired, does it work, where is it.",
});

export const agentReply = contract("agent/{agent}/reply/{client}/{id}", {
  payload: AgentReply,
  kind: "report",
  writer: "agent",
  audience: "private",
  qos: 1,
  retain: false,
  summary: "The one reply of an agent to a request.",
});

/** One thing that an agent can be asked for. */
export interface AgentOperation<Request extends object, Reply extends object> {
  readonly name: string;
  /** Checked closed. */
  readonly request: new () => Request;
  /** Checked closed when written, open when read. */
  readonly reply: new () => Reply;
}

/** A switch, which may know behind which of its ports a node is. */
export class DetectSwitch {
  /** Name or address. */
  @Text(255) host!: string;
  /** Default 161. */
  @Optional() @Integer(1, 65_535) udpPort?: number;
  /** Default: `3` where a user is given, else `2c`. */
  @Optional() @OneOf(["1", "2c", "3"]) version?: "1" | "2c" | "3";
  /** SNMP community, as a reference that the agent's host resolves. Default: `public`, of versions 1 and 2c. */
  @Optional() @Nested(() => SecretReference) community?: SecretReference;
  /** The user of version 3. */
  @Optional() @Matches(SNMP_USER) user?: string;
  /** Default `sha256`. */
  @Optional() @OneOf(SNMP_AUTH_PROTOCOLS) authProtocol?: SnmpAuthProtocol;
  /** The password that the user proves itself with, as a reference that the agent's host resolves. */
  @Optional() @Nested(() => SecretReference) authKey?: SecretReference;
  /** Default `aes`. */
  @Optional() @OneOf(SNMP_PRIVACY_PROTOCOLS) privProtocol?: SnmpPrivacyProtocol;
  /** The password that version 3 encrypts with, as a reference that the agent's host resolves. */
  @Optional() @Nested(() => SecretReference) privKey?: SecretReference;
}

/** The addresses of a node's network interfaces. */
export class NodeAddresses {
  @Id() node!: NodeId;
  @ListOf(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, 16) macs!: string[];
}

/** What the agent is to look at beside its own host. */
export class DetectOnAgent {
  @Optional() @NestedList(() => DetectSwitch, 32) switches?: DetectSwitch[];
  @Optional() @NestedList(() => NodeAddresses, 1000) nodes?: NodeAddresses[];
}

export const CONFIDENCES = ["high", "medium", "low"] as const;
export type Confidence = (typeof CONFIDENCES)[number];

/** An endpoint that could be declared. Nothing is, until a person does. */
export class EndpointProposal {
  @OneOf(PORT_KINDS) port!: PortKind;
  @Id() driver!: string;
  @AnyObject() options!: Record<string, unknown>;
  @Optional() @MapOf(ID_PATTERN, { nested: () => DesiredNeed }, 8) needs?: Record<
    string,
    DesiredNeed
  >;
  /** Whose it seems to be. */
  @Optional() @Id() node?: NodeId;
  /** What was seen, and what is only concluded. */
  @Text(500) why!: string;
  @OneOf(CONFIDENCES) confidence!: Confidence;
}

/** A detector that could not look, and what to do. */
export class DetectProblem {
  @Id() detector!: string;
  @Text(500) message!: string;
}

/** What a detector has looked at, and what of it led to no proposal. */
export class DetectLook {
  @Id() detector!: string;
  @Text(500) what!: string;
}

export class Detected {
  @NestedList(() => EndpointProposal, 500) proposals!: EndpointProposal[];
  @NestedList(() => DetectProblem, 100) problems!: DetectProblem[];
  /** Missing from agents that do not say it. */
  @Optional() @NestedList(() => DetectLook, 100) looked?: DetectLook[];
}

export class TestOnAgent {
  @EndpointIdText() endpoint!: EndpointId;
}

/** One thing that a test has tried. */
export class TestFinding {
  @IsBoolean() ok!: boolean;
  /** What was done, and what was seen. */
  @Text(1000) what!: string;
}

/** What came of exercising an endpoint without touching what its node does. */
export class Tested {
  /** Whether all that could be tried did work. */
  @IsBoolean() ok!: boolean;
  @NestedList(() => TestFinding, 100) findings!: TestFinding[];
}

export class IdentifyOnAgent {
  @EndpointIdText() endpoint!: EndpointId;
  @IsBoolean() on!: boolean;
  /** After so long it goes out again by itself, in milliseconds. Missing: it shines until it is told otherwise. */
  @Optional() @Integer(100, 100_000_000) forMs?: number;
}

export class Identified {
  /** As it was read back. */
  @IsBoolean() on!: boolean;
}

export const detectOnAgent: AgentOperation<DetectOnAgent, Detected> = {
  name: "detect",
  request: DetectOnAgent,
  reply: Detected,
};
export const testOnAgent: AgentOperation<TestOnAgent, Tested> = {
  name: "test",
  request: TestOnAgent,
  reply: Tested,
};
export const identifyOnAgent: AgentOperation<IdentifyOnAgent, Identified> = {
  name: "identify",
  request: IdentifyOnAgent,
  reply: Identified,
};

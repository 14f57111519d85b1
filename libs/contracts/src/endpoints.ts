import { DetectSwitch, Detected, Tested } from "./agent-request.js";
import { EndpointIdText, Id, Nested, NestedList, OneOf, Optional } from "./decorators.js";
import { PORT_KINDS, type AgentId, type EndpointId, type NodeId, type PortKind } from "./ids.js";
import { operation } from "./service-plane.js";

/** What the inventory service asks agents on behalf of people who are setting up a site. */

export class DetectEndpoints {
  @Id() agent!: AgentId;
  /** Switches that the agent shall ask, too, behind which of their ports the site's nodes are. */
  @Optional() @NestedList(() => DetectSwitch, 32) switches?: DetectSwitch[];
}

/** What an agent found on its host and in its network that could be declared. */
export class DetectedEndpoints {
  @Id() agent!: AgentId;
  @Nested(() => Detected) found!: Detected;
}

export class TestEndpoint {
  @EndpointIdText() endpoint!: EndpointId;
}

export class TestedEndpoint {
  @EndpointIdText() endpoint!: EndpointId;
  @Id() node!: NodeId;
  @Id() agent!: AgentId;
  @OneOf(PORT_KINDS) port!: PortKind;
  @Id() driver!: string;
  @Nested(() => Tested) result!: Tested;
}

export const detectEndpoints = operation("inventory", "detect-endpoints", {
  request: DetectEndpoints,
  reply: DetectedEndpoints,
  summary: "Asks an agent which endpoints could be declared on it. Declares none.",
});
export const testEndpoint = operation("inventory", "test-endpoint", {
  request: TestEndpoint,
  reply: TestedEndpoint,
  summary: "Exercises one endpoint without touching what its node does, and says what was seen.",
});

import { Inject, Injectable } from "@nestjs/common";
import { agentStatus, type AgentStatus } from "@outrider/contracts/agent";
import { detectOnAgent, testOnAgent } from "@outrider/contracts/agent-request";
import {
  detectEndpoints,
  testEndpoint,
  type DetectedEndpoints,
  type DetectEndpoints,
  type TestedEndpoint,
  type TestEndpoint,
} from "@outrider/contracts/endpoints";
import type { AgentRequestClient } from "@outrider/messaging/agent-request-client";
import type { ClockBeacon } from "@outrider/messaging/clock-beacon";
import { RequestError } from "@outrider/messaging/request-error";
import type { Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import { OnRequest, type Asked } from "@outrider/service-kit/on-request";
import { BEACON } from "@outrider/service-kit/tokens";
import { Inventory } from "./inventory.js";
import type { PlacedEndpoint } from "./site.js";

export const AGENT_REQUESTS = Symbol("inventory:agent-requests");

/** Detectors wait for devices that do not answer. */
const DETECT_WITHIN_MS = 25_000;
const TEST_WITHIN_MS = 20_000;

/** What people who set up a site ask of agents. */
@Injectable()
export class AgentRequests {
  readonly #epochs = new Map<string, string>();

  constructor(
    @Inject(Inventory) private readonly inventory: Inventory,
    @Inject(AGENT_REQUESTS) private readonly client: AgentRequestClient,
    @Inject(BEACON) private readonly beacon: ClockBeacon,
  ) {}

  @OnMessage(agentStatus)
  status({ payload, parameters }: Received<AgentStatus, { readonly agent: string }>): void {
    if (payload.state !== "ready") return void this.#epochs.delete(parameters.agent);
    // Before it can be asked in this session: it has heard no clock yet.
    this.beacon.tell();
    this.#epochs.set(parameters.agent, payload.epoch);
  }

  @OnRequest(detectEndpoints)
  async detect({ body, actor, via }: Asked<DetectEndpoints>): Promise<DetectedEndpoints> {
    const { agent, switches } = body;
    const nodes = (this.inventory.site?.nodes ?? [])
      .filter(({ macs }) => macs.length > 0)
      .slice(0, 1000)
      .map(({ id, macs }) => ({ node: id, macs: [...macs] }));
    const found = await this.client.ask(
      agent,
      detectOnAgent,
      // Whose addresses they are is of use only where somebody has learnt them.
      switches === undefined ? {} : { switches, nodes },
      { actor, via, epoch: this.#epochs.get(agent), withinMs: DETECT_WITHIN_MS },
    );
    return { agent, found };
  }

  @OnRequest(testEndpoint)
  async test({ body: { endpoint }, actor, via }: Asked<TestEndpoint>): Promise<TestedEndpoint> {
    const { node, declared } = this.#find(endpoint);
    const { agent, kind, driver } = declared;
    const result = await this.client.ask(
      agent,
      testOnAgent,
      { endpoint },
      { actor, via, epoch: this.#epochs.get(agent), withinMs: TEST_WITHIN_MS },
    );
    return { endpoint, node: node.id, agent, port: kind, driver, result };
  }

  /** @throws RequestError */
  #find(endpoint: TestEndpoint["endpoint"]): PlacedEndpoint {
    for (const node of this.inventory.site?.nodes ?? []) {
      const declared = node.endpoints.find((one) => one.endpoint === endpoint);
      if (declared) return { node, declared };
    }
    throw new RequestError("not-found", `the site file declares no endpoint ${endpoint}`);
  }
}

import { Inject, Injectable } from "@nestjs/common";
import { agentDescription, type AgentDescription } from "@outrider/contracts/agent";
import { isAgentId } from "@outrider/contracts/ids";
import type { Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import { Inventory } from "./inventory.js";

/** What the inventory listens to. */
@Injectable()
export class Intake {
  constructor(@Inject(Inventory) private readonly inventory: Inventory) {}

  @OnMessage(agentDescription)
  described({
    payload,
    parameters,
  }: Received<AgentDescription, { readonly agent: string }>): Promise<void> | void {
    const { agent } = parameters;
    // On a foreign broker anybody might write there.
    if (isAgentId(agent)) return this.inventory.describe(agent, payload);
  }
}

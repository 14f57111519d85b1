import { Inject, Injectable } from "@nestjs/common";
import { consolePolicies, type ConsolePolicies } from "@outrider/contracts/console";
import { isNodeId } from "@outrider/contracts/ids";
import {
  powerResult,
  powerState,
  type PowerResult,
  type PowerState,
} from "@outrider/contracts/power";
import { OnMessage } from "@outrider/service-kit/on-message";
import { Automation } from "./automation.js";

interface Heard<P> {
  readonly payload: P;
  readonly parameters: { readonly node: string };
}

/** What rules hear of the site on the bus. */
@Injectable()
export class AutomationSite {
  constructor(@Inject(Automation) private readonly automation: Automation) {}

  /** Rules that are cleared stay in force: a latch is not lifted by silence. */
  @OnMessage(consolePolicies)
  policiesHeard({ payload }: { readonly payload: ConsolePolicies }): void {
    this.automation.declare(payload.rules);
  }

  @OnMessage(powerState, { cleared: "nodeGone" })
  powerHeard({ payload, parameters: { node } }: Heard<PowerState>): void {
    if (isNodeId(node)) this.automation.rules.powerHeard(node, payload);
  }

  nodeGone({ parameters: { node } }: Pick<Heard<never>, "parameters">): void {
    if (isNodeId(node)) this.automation.rules.forget(node);
  }

  @OnMessage(powerResult, { retained: "drop" })
  resultHeard({ payload, parameters: { node } }: Heard<PowerResult>): void {
    if (isNodeId(node)) this.automation.rules.resultHeard(node, payload);
  }
}

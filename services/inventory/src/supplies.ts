import { Injectable } from "@nestjs/common";
import type { NodeId } from "@outrider/contracts/ids";
import { powerState, type PowerState } from "@outrider/contracts/power";
import type { Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";

/** Which nodes are on, as far as the power service has said. */
@Injectable()
export class Supplies {
  readonly #on = new Set<string>();

  isOn(node: NodeId): boolean {
    return this.#on.has(node);
  }

  @OnMessage(powerState, { cleared: "cleared" })
  said({ payload, parameters }: Received<PowerState, { readonly node: string }>): void {
    if (payload.supply.value === "On") this.#on.add(parameters.node);
    else this.#on.delete(parameters.node);
  }

  cleared({ parameters }: { readonly parameters: { readonly node: string } }): void {
    this.#on.delete(parameters.node);
  }
}

import { Injectable } from "@nestjs/common";
import { consolePolicies, type ConsolePolicies } from "@outrider/contracts/console";
import { isNodeId, type NodeId } from "@outrider/contracts/ids";
import { nodeLock, type NodeLock } from "@outrider/contracts/lock";
import { nodeDescription, type NodeDescription } from "@outrider/contracts/node";
import {
  isTerminal,
  powerResult,
  powerState,
  type PowerResult,
  type PowerState,
} from "@outrider/contracts/power";
import { OnMessage } from "@outrider/service-kit/on-message";
import type { DeclaredConsoles } from "./declared-consoles.js";

interface Heard<P> {
  readonly payload: P;
  readonly parameters: { readonly node: string };
}

export interface SiteListener {
  /** Which consoles there are, or how they are kept, may have changed. */
  changed(): void;
  /** The supply of a node came on. */
  supplyOn(node: NodeId): void;
  /** A sentence for everybody at a console. */
  notice(node: NodeId, text: string): void;
}

/** What this service hears of the site on the bus. */
@Injectable()
export class Site {
  readonly #supplies = new Map<NodeId, string>();
  readonly #locks = new Map<NodeId, string | undefined>();
  #listener: SiteListener | undefined;

  constructor(readonly declared: DeclaredConsoles) {}

  listen(listener: SiteListener): void {
    this.#listener = listener;
  }

  get policies(): ConsolePolicies | undefined {
    return this.declared.policies;
  }

  /** Policies that are cleared stay in force: a port is not closed by silence. */
  @OnMessage(consolePolicies)
  policiesHeard({ payload }: { readonly payload: ConsolePolicies }): void {
    this.declared.take(payload);
    this.#listener?.changed();
  }

  @OnMessage(nodeDescription, { cleared: "nodeGone" })
  nodeHeard({ payload, parameters: { node } }: Heard<NodeDescription>): void {
    if (!isNodeId(node)) return;
    this.declared.describe(node, payload);
    this.#listener?.changed();
  }

  nodeGone({ parameters: { node } }: Pick<Heard<never>, "parameters">): void {
    if (!isNodeId(node)) return;
    this.declared.forget(node);
    this.#supplies.delete(node);
    this.#locks.delete(node);
    this.#listener?.changed();
  }

  @OnMessage(powerState)
  supplyHeard({ payload, parameters: { node } }: Heard<PowerState>): void {
    if (!isNodeId(node)) return;
    const before = this.#supplies.get(node);
    const { value } = payload.supply;
    if (value === "Unknown") return;
    this.#supplies.set(node, value);
    const isOn = value === "On" || value === "PoweringOn";
    if (isOn && (before === "Off" || before === "PoweringOff")) this.#listener?.supplyOn(node);
  }

  @OnMessage(powerResult, { retained: "drop" })
  resultHeard({ payload, parameters: { node } }: Heard<PowerResult>): void {
    const { action, status, actor, reasonCode } = payload;
    const isWorthTelling = status === "Accepted" || (isTerminal(status) && status !== "Rejected");
    if (!isNodeId(node) || !isWorthTelling || !action) return;
    const why = reasonCode === undefined ? "" : ` (${reasonCode})`;
    this.#listener?.notice(node, `${action} by ${actor}: ${status}${why}`);
  }

  @OnMessage(nodeLock)
  lockHeard({ payload: { held }, parameters: { node } }: Heard<NodeLock>): void {
    if (!isNodeId(node)) return;
    const isFirst = !this.#locks.has(node);
    const before = this.#locks.get(node);
    const now = held && `${held.lock} ${held.holder}`;
    this.#locks.set(node, now);
    if (isFirst || before === now) return;
    const reason = held?.reason === undefined ? "" : `: ${held.reason}`;
    this.#listener?.notice(
      node,
      held
        ? `${held.holder} has locked this node until ${held.until}${reason}`
        : "this node is not locked any more",
    );
  }
}

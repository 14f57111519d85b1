import type { CommandId, NodeId } from "@outrider/contracts/ids";
import type { Phase, Run } from "./run-state.js";

/** A run that has not ended, as this process carries it. */
export interface Active {
  readonly run: Run;
  readonly acceptedMs: number;
  /** When what the present phase does was asked for, by our monotonic clock: no start is later than its ttl after it. */
  readonly issuedMs: number;
  /** When the present phase was entered, or taken up by this process, by our monotonic clock. */
  readonly enteredMs: number;
  /** When an agent last said something about the present phase; when it was entered, before that. */
  readonly heardMs: number;
  /** The progress that was told last. */
  readonly said?: string | undefined;
  /** Ends the timers of the present phase. */
  readonly timers: AbortController;
}

/** The runs that have not ended, at most one per node, found by whatever is heard of them. */
export class ActiveRuns {
  readonly #byNode = new Map<NodeId, Active>();
  readonly #byCommand = new Map<CommandId, NodeId>();
  readonly #byKey = new Map<string, NodeId>();
  readonly #byAgent = new Map<string, Set<NodeId>>();
  readonly #waitingForAgent = new Set<NodeId>();

  get size(): number {
    return this.#byNode.size;
  }

  get(node: NodeId): Active | undefined {
    return this.#byNode.get(node);
  }

  set(node: NodeId, active: Active): void {
    const before = this.#byNode.get(node)?.run;
    this.#byNode.set(node, active);
    const { run } = active;
    if (before?.key === run.key && before.phase === run.phase) return;
    if (before) this.#unindex(node, before);
    this.#byKey.set(run.key, node);
    this.#index(node, run.phase);
  }

  delete(node: NodeId): void {
    const active = this.#byNode.get(node);
    if (!active) return;
    this.#byNode.delete(node);
    this.#unindex(node, active.run);
  }

  /** The node whose present rung is this command of an agent. */
  ofCommand(command: CommandId): NodeId | undefined {
    return this.#byCommand.get(command);
  }

  /** The run of this key, if it has not ended. */
  ofKey(key: string): Active | undefined {
    const node = this.#byKey.get(key);
    return node === undefined ? undefined : this.#byNode.get(node);
  }

  /** Nodes whose present rung is with an agent. */
  ofAgent(agent: string): NodeId[] {
    return [...(this.#byAgent.get(agent) ?? [])];
  }

  /** Nodes whose present rung waits for its agent. */
  waitingForAgent(): NodeId[] {
    return [...this.#waitingForAgent];
  }

  nodes(): NodeId[] {
    return [...this.#byNode.keys()];
  }

  all(): IterableIterator<Active> {
    return this.#byNode.values();
  }

  #index(node: NodeId, phase: Phase): void {
    if (phase.kind === "waiting-for-agent") this.#waitingForAgent.add(node);
    if (phase.kind !== "acting") return;
    this.#byCommand.set(phase.command.id, node);
    const nodes = this.#byAgent.get(phase.agent);
    if (nodes) nodes.add(node);
    else this.#byAgent.set(phase.agent, new Set([node]));
  }

  #unindex(node: NodeId, { key, phase }: Run): void {
    this.#byKey.delete(key);
    this.#waitingForAgent.delete(node);
    if (phase.kind !== "acting") return;
    this.#byCommand.delete(phase.command.id);
    const nodes = this.#byAgent.get(phase.agent);
    nodes?.delete(node);
    if (nodes?.size === 0) this.#byAgent.delete(phase.agent);
  }
}

import { topicOf } from "@outrider/contracts/contract";
import type { NodeId } from "@outrider/contracts/ids";
import {
  nodeDescription,
  nodeEvent,
  nodeStatus,
  type NodeDescription,
  type NodeEvent,
  type NodeStatus,
} from "@outrider/contracts/node";
import {
  powerResult,
  powerSet,
  powerState,
  type Action,
  type PowerResult,
  type PowerSet,
  type PowerState,
} from "@outrider/contracts/power";
import { mintCommandId } from "@outrider/messaging/mint-id";
import type { Edge, EdgeName, Simulator, SlotView } from "@outrider/simulators/spawn";
import { eventually, within } from "@outrider/testing/eventually";
import type { PublishOptions } from "@outrider/testing/mqtt-cli";
import type { Bus } from "./bus.js";

/** Far above what anything here takes, because the machine may be busy. */
const LIMIT_MS = 90_000;

export type Ask = Omit<PowerSet, "action" | "id"> & { readonly id?: string };

/** One node as a person sees it on the bus, and as its machine really is. */
export class NodeUnderTest {
  #since = 0;
  #heardBefore = 0;

  constructor(
    readonly id: NodeId,
    readonly bus: Bus,
    private readonly machine: Simulator,
    readonly slot: number,
  ) {}

  /** From here on {@link edges}, {@link results} and {@link events} count afresh. */
  async mark(): Promise<void> {
    this.#since = (await this.machine.client.edges()).at(-1)?.seq ?? 0;
    this.#heardBefore = this.bus.mark();
  }

  /** Publishes on `power/set`: a bare word, or whatever else. */
  async set(payload: string | object, options: Partial<PublishOptions> = {}): Promise<void> {
    await this.bus.publish(topicOf(powerSet, { node: this.id }), payload, options);
  }

  /** Asks for an action under an id of its own. @returns the id */
  async ask(action: Action, ask: Ask = {}): Promise<string> {
    const id = ask.id ?? mintCommandId();
    await this.set({ action, ...ask, id });
    return id;
  }

  /** Asks for an action and waits for its terminal result. */
  async command(action: Action, ask: Ask = {}): Promise<PowerResult> {
    return this.outcome(await this.ask(action, ask));
  }

  /** Switches it off, whatever it was, and counts afresh: for a test that begins so, also when it is tried again. */
  async isOff(): Promise<void> {
    await this.command("ForceOff");
    await this.settles("Off");
    await this.mark();
  }

  /** The terminal result of a command. */
  outcome(id: string): Promise<PowerResult> {
    return this.result(`the terminal result of ${id}`, (one) => one.terminal && one.id === id);
  }

  /** The first result since the mark that fits. */
  result(what: string, fits: (result: PowerResult) => boolean): Promise<PowerResult> {
    return eventually(`${this.id}: ${what}`, () => this.results().find(fits), {
      withinMs: LIMIT_MS,
    });
  }

  /** Results since the mark; each `(id, seq)` once, as a reader is told to count them. */
  results(): PowerResult[] {
    const seen = new Set<string>();
    return this.bus
      .on(powerResult, { node: this.id }, this.#heardBefore)
      .flatMap(({ payload }) => (payload ? [payload] : []))
      .filter(({ id, seq }) => !seen.has(`${id} ${seq}`) && seen.add(`${id} ${seq}`));
  }

  /** How many distinct terminal results each id has had since the mark. */
  terminals(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { id, terminal } of this.results())
      counts[id] = (counts[id] ?? 0) + Number(terminal);
    return counts;
  }

  /** What happened to the node by its own account, since the mark. */
  events(): NodeEvent[] {
    return this.bus
      .on(nodeEvent, { node: this.id }, this.#heardBefore)
      .flatMap(({ payload }) => (payload ? [payload] : []));
  }

  event(kind: string): Promise<NodeEvent> {
    return eventually(
      `${this.id}: an event ${kind}`,
      () => this.events().find((one) => one.kind === kind),
      {
        withinMs: LIMIT_MS,
      },
    );
  }

  get state(): PowerState | undefined {
    return this.bus.last(powerState, { node: this.id });
  }

  get status(): NodeStatus | undefined {
    return this.bus.last(nodeStatus, { node: this.id });
  }

  get description(): NodeDescription | undefined {
    return this.bus.last(nodeDescription, { node: this.id });
  }

  /** Waits until the newest state says so, as read back from the device. */
  async settles(supply: "On" | "Off", host?: "Running" | "Halted"): Promise<PowerState> {
    const check = (): PowerState => {
      const { state } = this;
      const isSo =
        state?.supply.value === supply &&
        state.supply.evidence === "ReadBack" &&
        (host === undefined || (state.host.value === host && state.host.evidence === "ReadBack"));
      if (state && isSo) return state;
      throw new Error(`it is ${JSON.stringify(state)}`);
    };
    return eventually(`${this.id} is ${supply} ${host ?? ""}`, check, { withinMs: LIMIT_MS });
  }

  /** Waits until it can be managed, and its supply is known by what was said since `after`, a mark of the bus. */
  async managed(after = 0): Promise<void> {
    const { bus } = this;
    const node = { node: this.id };
    const check = (): boolean =>
      bus.last(nodeStatus, node)?.management === "Available" &&
      (bus.last(powerState, node, after)?.supply.value ?? "Unknown") !== "Unknown" &&
      (this.description?.supportedActions.length ?? 0) > 0;
    await eventually(`${this.id} can be managed`, check, { withinMs: LIMIT_MS });
  }

  /** The machine as it is, past everything of ours. */
  slotView(): Promise<SlotView> {
    return this.machine.client.get(this.slot);
  }

  /** What physically happened to the machine since the mark. */
  edges(): Promise<Edge[]> {
    return this.machine.client.edges({ since: this.#since, slot: this.slot });
  }

  /** The same, as `edge/cause`. */
  async edgeNames(): Promise<string[]> {
    return (await this.edges()).map(({ edge, cause }) => `${edge}/${cause}`);
  }

  /** The first edge of that name since the mark, there already or yet to come. */
  edge(name: EdgeName): Promise<Edge> {
    return this.machine.client.waitForEdge(
      (one) => one.slot === this.slot && one.edge === name,
      within(LIMIT_MS),
      this.#since,
    );
  }
}

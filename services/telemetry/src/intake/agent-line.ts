import type { AgentId } from "@outrider/contracts/ids";
import { ClockOffset } from "./clock-offset.js";
import { SPOOLS_OF_AGENT, type RememberedSpools } from "./remembered-spools.js";
import { SpoolOrder } from "./spool-order.js";

/** What is known of one agent that sends readings. */
export class AgentLine {
  readonly offset: ClockOffset;
  /** The newest one that was heard of; acknowledgements are for it. */
  epoch = "";
  /** The spool that it has now. */
  spoolId = "";
  /** Whether its offset is being written, before which nothing is stored by it. */
  settling = false;
  /** Whether those who want to know have been told how far its calendar is off. */
  clockTold = false;
  /** When it was logged last that its calendar is another one. */
  stepLoggedMs = Number.NEGATIVE_INFINITY;
  /** When it was acknowledged last, by our monotonic clock. */
  acknowledgedMs = Number.NEGATIVE_INFINITY;
  /** In the order of their use. */
  readonly #spools = new Map<string, SpoolOrder>();

  constructor(
    readonly agent: AgentId,
    offsetMs: number,
    private readonly remembered: Pick<RememberedSpools, "keep" | "forget">,
  ) {
    this.offset = new ClockOffset(offsetMs);
  }

  /** As it was before this process started. */
  restore(spool: string, stored: number): void {
    this.#spools.set(spool, new SpoolOrder(stored));
  }

  /** @param first the lowest number that it keeps, from which on an unknown spool is stored */
  spool(id: string, first: number): SpoolOrder {
    let order = this.#spools.get(id);
    if (!order) {
      order = new SpoolOrder(first - 1);
      for (const [oldest] of this.#spools) {
        if (this.#spools.size < SPOOLS_OF_AGENT) break;
        this.#spools.delete(oldest);
        this.remembered.forget(this.agent, oldest);
      }
      this.#spools.set(id, order);
    }
    return order;
  }

  keep(spool: string, order: SpoolOrder): void {
    this.remembered.keep({ agent: this.agent, spool, stored: order.stored });
  }
}

import { seconds, type Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import { nodeEvent, type NodeEvent } from "@outrider/contracts/node";
import { MessagingError } from "@outrider/messaging/errors";
import type { Session } from "@outrider/messaging/session";

/** Events that wait for the broker; beyond that the oldest go. */
const MAX_WAITING = 5000;

/** What this service has found of nodes, told on the bus in order, also when it comes back. */
export class NodeEvents {
  readonly #waiting: { readonly node: NodeId; readonly event: NodeEvent }[] = [];
  #sending = false;
  readonly #stop: () => void;

  constructor(
    private readonly session: Session,
    clock: Clock,
  ) {
    this.#stop = clock.every(seconds(1), () => void this.#send());
    session.onBorn(() => this.#send());
  }

  tell(node: NodeId, event: NodeEvent): void {
    this.#waiting.push({ node, event });
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
    void this.#send();
  }

  stop(): void {
    this.#stop();
  }

  async #send(): Promise<void> {
    if (this.#sending || !this.session.connected) return;
    this.#sending = true;
    try {
      for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
        await this.session.publish(nodeEvent, { node: next.node }, next.event);
        // Too many may have come meanwhile, and it gone with them.
        if (this.#waiting[0] === next) this.#waiting.shift();
      }
    } catch (error) {
      // It waits for the next connection.
      if (!(error instanceof MessagingError)) throw error;
    } finally {
      this.#sending = false;
    }
  }
}

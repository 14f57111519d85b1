import { seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import { nodeEvent, type NodeEvent } from "@outrider/contracts/node";
import type { NodeId } from "@outrider/contracts/ids";
import { MessagingError } from "@outrider/messaging/errors";
import { mintId } from "@outrider/messaging/mint-id";
import type { Session } from "@outrider/messaging/session";
import type { Happening } from "../sessions/console-parts.js";

/** Events that wait for the broker; beyond that the oldest go. */
const MAX_WAITING = 1000;

/** What happens at consoles, told on the bus in order, also when it comes back. Never bytes. */
export class ConsoleEvents {
  readonly #waiting: { readonly node: NodeId; readonly event: NodeEvent }[] = [];
  #sending = false;
  readonly #stop: () => void;

  constructor(
    private readonly session: Session,
    private readonly clock: Clock,
  ) {
    this.#stop = clock.every(seconds(1), () => void this.#send());
    session.onBorn(() => this.#send());
  }

  happened(node: NodeId, { severity, kind, message, data }: Happening): void {
    const event = {
      id: mintId(),
      at: timestamp(this.clock),
      severity,
      kind,
      message: message.slice(0, 1000),
      ...(data ? { data } : {}),
    };
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

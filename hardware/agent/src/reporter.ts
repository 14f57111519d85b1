import {
  AGENT_PROTOCOL,
  agentEvent,
  type AgentAck,
  type CommandReport,
  type Observation,
} from "@outrider/contracts/agent";
import { timestamp, type Clock } from "@outrider/contracts/clock";
import type { AgentId } from "@outrider/contracts/ids";
import { MessagingError } from "@outrider/messaging/errors";
import { OutboxSender, type Numbered } from "@outrider/messaging/outbox";
import type { Session } from "@outrider/messaging/session";
import { crashPoint } from "./failpoints.js";
import type { Journal, StoredEvent } from "./journal.js";
import type { AgentLog } from "./log.js";

/** Says what the agent has to say: numbered events until they are acknowledged, the rest once. */
export class Reporter {
  readonly #sender: OutboxSender<StoredEvent>;
  readonly #observed = new Map<string, Observation>();
  /** Number of the first event that this process has added, once there is one. */
  #firstOwn: number | undefined;
  #flushPlanned = false;

  constructor(
    private readonly agent: AgentId,
    private readonly session: Session,
    private readonly clock: Clock,
    private readonly log: AgentLog,
    journal: Journal,
  ) {
    this.#sender = new OutboxSender({
      outbox: journal.outbox,
      clock,
      log,
      send: (numbered) => this.#send(numbered),
    });
  }

  start(): void {
    this.#sender.start();
    this.session.onBorn(() => this.#sender.connected());
    this.session.onDisconnect(() => this.#sender.disconnected());
  }

  stop(): Promise<void> {
    return this.#sender.stop();
  }

  /** Events were added to the journal. @param newest the last of them, if it is at hand */
  news(newest?: Numbered<StoredEvent>): void {
    this.#firstOwn ??= newest?.seq;
    this.#sender.notify(newest);
  }

  /** The power service has stored all events up to a number. Acknowledgements of former sessions are ignored. */
  async acknowledged({ epoch, event }: AgentAck): Promise<void> {
    if (event !== undefined && epoch === this.session.epoch) await this.#sender.acknowledged(event);
  }

  /** Says once how a command stands; whoever misses it asks again with the same id. */
  tell(command: CommandReport): void {
    this.#publish({ at: timestamp(this.clock), command });
  }

  /** Says what was seen, together with what else is seen in the same instant. */
  observe(observation: Observation): void {
    this.#observed.set(observation.endpoint, observation);
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    setImmediate(() => {
      this.#flushPlanned = false;
      const observations = [...this.#observed.values()];
      this.#observed.clear();
      this.#publish({ at: timestamp(this.clock), observations });
    });
  }

  async #send({ seq, event }: Numbered<StoredEvent>): Promise<void> {
    const { epoch } = this.session;
    if (epoch === undefined) throw new MessagingError("disconnected", "there is no session");
    const { agent } = this;
    await this.session.publish(agentEvent, { agent }, { v: AGENT_PROTOCOL, epoch, seq, ...event });
    // Not by what a former process had left to say.
    if (event.command && seq >= (this.#firstOwn ?? Number.POSITIVE_INFINITY)) {
      crashPoint("agent.reported");
    }
  }

  #publish(event: StoredEvent & { observations?: Observation[] }): void {
    const { epoch } = this.session;
    if (epoch === undefined) return;
    const { agent } = this;
    this.session
      .publish(agentEvent, { agent }, { v: AGENT_PROTOCOL, epoch, ...event })
      .catch((error: unknown) => {
        if (!(error instanceof MessagingError)) throw error;
        this.log.debug({ code: error.code, problem: error.message }, "a report was not sent");
      });
  }
}

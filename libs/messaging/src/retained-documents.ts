import { encode } from "@outrider/contracts/codec";
import { topicOf, type Contract, type Parameters } from "@outrider/contracts/contract";
import type { Connection } from "./connection.js";
import { MessagingError } from "./errors.js";
import type { Log } from "./log.js";

/**
 * The retained documents that this client is the writer of. The broker keeps nothing across its restarts, so that
 * all of them are published on each connection; in between, only the newest of each topic is on its way.
 */
export class RetainedDocuments {
  readonly #log: Log;
  readonly #crash: (error: unknown) => void;
  /** What shall stand on the broker, by topic; undefined: nothing, which is still to be said. */
  readonly #wanted = new Map<
    string,
    { readonly payload: string | undefined; readonly qos: 0 | 1 }
  >();
  readonly #underWay = new Set<string>();
  /** Topics whose document has changed while an older one was under way. */
  readonly #again = new Set<string>();
  /** Topics with somebody's document on them that is not ours, until it is known which are ours. */
  readonly #leftovers = new Map<string, 0 | 1>();
  /** The presence: ours, but said by somebody else. */
  readonly #exempt = new Set<string>();
  #settled = false;
  #connection: Connection | undefined;
  #idle: (() => void)[] = [];

  constructor(log: Log, crash: (error: unknown) => void) {
    this.#log = log;
    this.#crash = crash;
  }

  /** @throws ContractError when the payload breaks its contract, TypeError when the contract is not retained */
  set<T extends string, P extends object>(
    contract: Contract<T, P>,
    parameters: Parameters<T>,
    payload: P | undefined,
  ): void {
    if (!contract.retain) throw new TypeError(`${contract.template} is not a retained topic`);
    const topic = topicOf<string>(contract, parameters);
    const text = payload === undefined ? undefined : encode(contract, payload);
    this.#wanted.set(topic, { payload: text, qos: contract.qos });
    this.#leftovers.delete(topic);
    this.#send(topic);
  }

  /** Leaves a topic alone, whatever stands there. */
  exempt(topic: string): void {
    this.#exempt.add(topic);
  }

  /** A document was seen on a topic that only this client writes. */
  seen(topic: string, qos: 0 | 1): void {
    if (this.#wanted.has(topic) || this.#exempt.has(topic)) return;
    if (this.#settled) this.#clear(topic, qos);
    else this.#leftovers.set(topic, qos);
  }

  /** From now on everything of ours has been set: whatever else stands on our topics is cleared. */
  settle(): void {
    this.#settled = true;
    for (const [topic, qos] of this.#leftovers) this.#clear(topic, qos);
    this.#leftovers.clear();
  }

  /** Publishes all of them on a new connection; resolves when the broker has acknowledged each. @throws MessagingError */
  async attach(connection: Connection): Promise<void> {
    this.#connection = connection;
    this.#underWay.clear();
    this.#again.clear();
    const idle = new Promise<void>((resolve) => this.#idle.push(resolve));
    for (const topic of this.#wanted.keys()) this.#send(topic);
    this.#rest();
    const lost = await Promise.race([idle, connection.closed]);
    if (lost) throw lost;
  }

  detach(): void {
    this.#connection = undefined;
    this.#underWay.clear();
  }

  #clear(topic: string, qos: 0 | 1): void {
    this.#log.info({ topic }, "a retained document that nobody stands for is cleared");
    this.#wanted.set(topic, { payload: undefined, qos });
    this.#send(topic);
  }

  /** Publishes what is wanted on a topic, at once or after what is under way on it. */
  #send(topic: string): void {
    const connection = this.#connection;
    if (!connection) return;
    if (this.#underWay.has(topic)) {
      this.#again.add(topic);
      return;
    }
    const wanted = this.#wanted.get(topic);
    if (wanted) this.#publish(connection, topic, wanted.payload, wanted.qos).catch(this.#crash);
  }

  #rest(): void {
    if (this.#underWay.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #publish(
    connection: Connection,
    topic: string,
    payload: string | undefined,
    qos: 0 | 1,
  ): Promise<void> {
    this.#underWay.add(topic);
    try {
      await connection.publish({ topic, payload: payload ?? "", qos, retain: true });
      const wanted = this.#wanted.get(topic);
      if (payload === undefined && wanted && wanted.payload === undefined) {
        this.#wanted.delete(topic);
      }
    } catch (error) {
      if (!(error instanceof MessagingError)) throw error;
      if (!connection.over) {
        const { code, message } = error;
        this.#log.error({ topic, code, problem: message }, "a retained document was refused");
      }
    }
    if (this.#connection !== connection) return;
    this.#underWay.delete(topic);
    if (this.#again.delete(topic)) this.#send(topic);
    this.#rest();
  }
}

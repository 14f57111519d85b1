import type {
  ConsoleAddress,
  ConsoleCondition,
  ConsoleRequest,
  StreamItem,
} from "./console-stream.js";

/**
 * A console as the service sees it over the link, from the agent's announcement of it until it is gone: the agent has
 * taken it away, or its connection has ended. When the agent comes back it is announced anew.
 */
export interface LinkedConsole {
  readonly address: ConsoleAddress;
  /** Which numbering. Another one than was stored last: what was between is not known. */
  readonly stream: string;
  /** At the time of the announcement, as in `StreamSource`. */
  readonly first: number;
  readonly next: number;
  readonly began: number;
  /** As last said by the agent. */
  readonly condition: ConsoleCondition;
  /**
   * Lets its items come, from this number on: that which follows what is stored. Undefined: from the first there is.
   * To be called once, after {@link onItems}; until then nothing comes.
   */
  resume(offset: number | undefined): void;
  /**
   * Calls back with items in order, each exactly once, without holes. While a promise that was returned is not resolved
   * the agent sends no more than a window of this console, so that a slow reader slows only the agent's sending of this
   * one; the agent keeps the rest in its spool. Must not throw or reject.
   */
  onItems(callback: (items: readonly StreamItem[]) => void | Promise<void>): void;
  /**
   * Asks the agent to announce it anew: this one is gone then, and the next one may be resumed at an earlier number. An
   * agent of version 1 ends its connection instead, which comes to the same.
   */
  again(): void;
  /** Everything before this number is stored durably; the agent may forget it. */
  acknowledge(offset: number): void;
  /**
   * Sends bytes to the device; resolves when it has taken them. In order with other writes and requests. At most
   * 256 KiB may wait for one device: beyond that it is `busy`, so whoever has much waits for each piece.
   * @throws LinkError · the signal's reason
   */
  write(bytes: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Asks the device for something beside bytes; resolves when it is done. @throws LinkError · the signal's reason */
  request(request: ConsoleRequest, signal?: AbortSignal): Promise<void>;
  onCondition(callback: (condition: ConsoleCondition) => void): void;
  /** Called once, with the reason for a person. Nothing comes after it. */
  onGone(callback: (reason: string) => void): void;
  /** Microseconds that the agent's clock is ahead of this one's, as last measured; undefined before the first time. */
  readonly agentAheadMicros: number | undefined;
  /** Calls back at each measurement, some times a minute. */
  onAgentAhead(callback: (micros: number) => void): void;
}

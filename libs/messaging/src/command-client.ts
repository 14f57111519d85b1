import { milliseconds, systemClock, type Clock } from "@outrider/contracts/clock";
import type { CommandId } from "@outrider/contracts/ids";
import {
  powerResult,
  powerSet,
  TTL_MS,
  type Action,
  type PowerResult,
  type PowerSet,
} from "@outrider/contracts/power";
import { crash } from "./crash.js";
import { MessagingError } from "./errors.js";
import { mintCommandId } from "./mint-id.js";
import { Notifier } from "./notifier.js";
import type { Session } from "./session.js";

export interface PowerCommand {
  readonly node: string;
  readonly action: Action;
  /** Default: a new one. Repeating an id repeats its outcome and never acts again. */
  readonly id?: CommandId;
  /** How long the action may wait to be started. Default 10 s. */
  readonly ttlMs?: number;
  readonly escalate?: boolean;
  readonly reason?: string;
}

export interface AskOptions {
  /** How long to wait for the terminal result, in milliseconds. */
  readonly withinMs: number;
  readonly signal?: AbortSignal;
  /** Is given each result, the terminal one too, once and in order. */
  readonly progress?: (result: PowerResult) => void;
  readonly clock?: Clock;
}

/**
 * Asks for a power action and waits for its terminal result, which may be a refusal: look at its `status`.
 * Results are listened for before anything is asked. When the connection breaks in between, the command is repeated
 * with the same id, as long as it may still be started or is known to have been accepted.
 * @throws MessagingError `timed-out` when no terminal result came in time: what became of the command is not known,
 *   and asking again with the same id is safe. The signal's reason when it is aborted: the command goes on.
 */
export async function askPower(
  session: Session,
  command: PowerCommand,
  options: AskOptions,
): Promise<PowerResult> {
  const { node, action, id = mintCommandId(), ttlMs = TTL_MS.default, escalate, reason } = command;
  const { withinMs, progress, clock = systemClock } = options;
  const ended = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, ended.signal]) : ended.signal;
  const startedMs = clock.monotonicMs();
  const changes = new Notifier();
  const seen = new Set<number>();
  const outcome: { terminal?: PowerResult } = {};

  const subscription = session.subscribe(powerResult, { node }, ({ payload }) => {
    if (payload.id !== id || outcome.terminal || seen.has(payload.seq)) return;
    seen.add(payload.seq);
    progress?.(payload);
    if (payload.terminal) outcome.terminal = payload;
    changes.tell();
  });
  const publish = async (leftMs: number): Promise<void> => {
    const payload: PowerSet = {
      action,
      id,
      ttlMs: leftMs,
      ...(escalate === undefined ? {} : { escalate }),
      ...(reason === undefined ? {} : { reason }),
    };
    try {
      await session.publish(powerSet, { node }, payload);
    } catch (error) {
      if (!(error instanceof MessagingError) || error.code !== "disconnected") throw error;
    }
  };
  const ask = async (): Promise<void> => {
    let asked: string | undefined;
    while (!outcome.terminal) {
      await session.ready(signal, { refusalsAreFinal: true });
      await subscription.acknowledged(signal);
      const { epoch } = session;
      if (epoch === undefined) continue;
      const leftMs = Math.round(ttlMs - (clock.monotonicMs() - startedMs));
      const mayStart = asked === undefined || leftMs >= TTL_MS.min || seen.size > 0;
      if (epoch !== asked && mayStart) {
        asked = epoch;
        await publish(Math.max(leftMs, TTL_MS.min));
      }
      if (!outcome.terminal && session.epoch === epoch) await changes.next(signal);
    }
  };
  const disconnected = session.onDisconnect(() => changes.tell());
  const late = clock.sleep(milliseconds(withinMs), signal).then(() => {
    throw new MessagingError(
      "timed-out",
      `no terminal result of ${id} came within ${withinMs} ms; look at the state of ${node}, or repeat with the same id`,
    );
  });
  try {
    await Promise.race([ask(), late]);
    if (!outcome.terminal) throw new MessagingError("protocol", "the wait ended with no result");
    return outcome.terminal;
  } finally {
    disconnected();
    ended.abort();
    await late.catch(() => undefined);
    subscription.dispose().catch(crash);
  }
}

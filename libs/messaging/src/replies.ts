import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { PayloadClass } from "@outrider/contracts/schema";
import { check } from "@outrider/contracts/codec";
import type { Problem } from "@outrider/contracts/service-plane";
import { MessagingError } from "./errors.js";
import { RequestError } from "./request-error.js";
import type { Session } from "./session.js";

/** The one reply to something that was asked. */
export interface Reply {
  readonly body?: Record<string, unknown>;
  readonly problem?: Problem;
}

export interface Exchange {
  readonly id: string;
  /** Who is asked, for a person: "the power service". */
  readonly who: string;
  readonly withinMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Publishes what is asked. @throws MessagingError when it could not be · the signal's reason */
  readonly send: (signal: AbortSignal) => Promise<void>;
}

/** Waits for the replies to what one process asks. */
export class Replies {
  readonly #waiting = new Map<string, (reply: Reply) => void>();

  constructor(
    private readonly session: Session,
    private readonly clock: Clock,
  ) {}

  /** A reply has come. One that nobody waits for any more is nothing. */
  settle(id: string, reply: Reply): void {
    this.#waiting.get(id)?.(reply);
  }

  /**
   * Asks once and waits.
   * @throws RequestError `unavailable` when it was not asked; `timed-out` when it was and nobody answered; the signal's
   *   reason when it is aborted
   */
  async exchange({ id, who, withinMs, signal: given, send }: Exchange): Promise<Reply> {
    const ended = new AbortController();
    const signal = given ? AbortSignal.any([given, ended.signal]) : ended.signal;
    signal.throwIfAborted();
    const replied = Promise.withResolvers<Reply>();
    this.#waiting.set(id, replied.resolve);
    const lost = this.session.onDisconnect(() =>
      replied.reject(
        new RequestError(
          "timed-out",
          `the broker went away before ${who} answered; look, then ask again`,
        ),
      ),
    );
    const late = this.clock.sleep(milliseconds(withinMs), signal).then(() => {
      throw new RequestError(
        "timed-out",
        `${who} did not answer within ${withinMs} ms; check that it runs, and look before asking again`,
      );
    });
    try {
      const sent = sending(send, who, signal);
      sent.catch(() => undefined);
      await Promise.race([sent, late]);
      return await Promise.race([replied.promise, late]);
    } finally {
      this.#waiting.delete(id);
      lost();
      ended.abort();
      await late.catch(() => undefined);
      replied.promise.catch(() => undefined);
    }
  }
}

async function sending(send: Exchange["send"], who: string, signal: AbortSignal): Promise<void> {
  try {
    await send(signal);
  } catch (error) {
    if (!(error instanceof MessagingError)) throw error;
    const detail = `${who} could not be asked: ${error.message}`;
    throw new RequestError("unavailable", detail, { cause: error });
  }
}

/** @throws RequestError that says which field of what is asked is wrong */
export function checkAsked(type: PayloadClass, body: object): void {
  const asked = check(type as new () => object, body, true);
  if (asked.ok) return;
  const { field, message } = asked.refusal;
  throw new RequestError("invalid", field === "" ? message : `${field} ${message}`, { field });
}

/** What a reply says. @throws RequestError as whoever was asked says, or `internal` when it cannot be read */
export function readReply<R extends object>(
  type: new () => R,
  { body, problem }: Reply,
  who: string,
): R {
  if (problem) {
    const { code, detail, field } = problem;
    throw new RequestError(code, detail, field === undefined ? {} : { field });
  }
  const read = check(type, body, false);
  if (read.ok) return read.value;
  const { field, message } = read.refusal;
  throw new RequestError(
    "internal",
    `${who} gave an answer that cannot be read (${field} ${message}); update the older of the two`,
  );
}

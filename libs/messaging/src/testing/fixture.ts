import { eventually, within } from "@outrider/testing/eventually";
import type { Received } from "../session.js";
import { Session, type SessionOptions } from "../session.js";

let last = 0;

/** An id that no other test of this broker uses. */
export function fresh(prefix: string): string {
  return `${prefix}${++last}`;
}

/** Sessions of one test, stopped together. */
export class Fixture implements AsyncDisposable {
  readonly #url: string;
  readonly #sessions: Session[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  /** A session that is not yet started. */
  session(options: Partial<SessionOptions> = {}): Session {
    const session = new Session({ url: this.#url, clientId: fresh("client-"), ...options });
    this.#sessions.push(session);
    return session;
  }

  async started(options: Partial<SessionOptions> = {}): Promise<Session> {
    const session = this.session(options);
    session.start();
    await session.ready(within());
    return session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.stop()));
  }
}

/** Collects what a handler is given. */
export function collector<P, T>(): {
  readonly messages: Received<P, T>[];
  readonly handler: (message: Received<P, T>) => void;
  readonly count: (what: string, count: number) => Promise<unknown>;
} {
  const messages: Received<P, T>[] = [];
  return {
    messages,
    handler: (message) => {
      messages.push(message);
    },
    count: (what, count) => eventually(what, () => messages.length >= count),
  };
}

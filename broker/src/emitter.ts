import mqemitter, { type MQEmitter } from "mqemitter";

interface Matcher {
  remove(topic: string, listener: unknown): void;
}

/**
 * The emitter that Aedes delivers through. Two things differ from Aedes' own:
 * - no bound on messages under way. With one, a bounded number of waiting deliveries stops everybody; here none waits.
 * - a subscription is gone when it was removed and not a turn of the event loop later. With the delay, the SUBSCRIBE
 *   that follows an UNSUBSCRIBE of the same filter at once is acknowledged and then removed.
 */
export function promptEmitter(): MQEmitter {
  const emitter = mqemitter({ concurrency: 0, matchEmptyLevels: true });
  const { _matcher: matcher } = emitter as MQEmitter & { _matcher: Matcher };
  emitter.removeListener = (topic, listener, done) => {
    matcher.remove(topic, listener);
    done?.();
  };
  return emitter;
}

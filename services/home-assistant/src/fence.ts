import { serviceDescription } from "@outrider/contracts/service-plane";
import type { Session } from "@outrider/messaging/session";

/**
 * Resolves when a document of this service, subscribed to now, has come. It stands on the broker before anything can be
 * settled, and comes behind what the broker had already begun to send, as far as it keeps an order.
 * @throws the signal's reason
 */
export async function fence(
  session: Pick<Session, "subscribe">,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const asked = session.subscribe(serviceDescription, { service: "home-assistant" }, () =>
    resolve(),
  );
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", abort);
    await asked.dispose();
  }
}

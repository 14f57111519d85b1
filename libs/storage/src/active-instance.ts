import { seconds, systemClock, type Clock } from "@outrider/contracts/clock";
import { acquireInstanceLock } from "./instance-lock.js";
import { isStorageError } from "./storage-error.js";
import type { StoragePlace } from "./storage-for.js";

/** The right to be the one active instance of a service, until it is released or the process ends. */
export interface ActiveInstance {
  readonly name: string;
  release(): Promise<void>;
}

export interface ActivationOptions {
  /** What other instances are told of this one. */
  readonly holder: string;
  /** Told once, with who is active, when this one has to wait. Without it nothing is waited for. */
  readonly standingBy?: ((who: string) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How soon a stand-by sees that it may take over. */
const ASK_EVERY = seconds(0.5);

/**
 * Makes this process the active instance of `name` in its deployment, or waits until it may be.
 * @throws StorageError `held`, with who holds it, when another one is active and nobody stands by; the signal's reason
 */
export async function becomeActive(
  place: StoragePlace,
  name: string,
  options: ActivationOptions,
): Promise<ActiveInstance> {
  const { holder, standingBy, clock = systemClock, signal } = options;
  let told = false;
  for (;;) {
    try {
      const lock = await acquireInstanceLock(place.dataDirectory, name, holder);
      // oxlint-disable-next-line require-await -- a lease is given back over the wire
      return { name, release: async () => lock.release() };
    } catch (error) {
      if (!standingBy || !isStorageError(error, "held")) throw error;
      if (!told) standingBy(error.message);
      told = true;
      await clock.sleep(ASK_EVERY, signal);
    }
  }
}

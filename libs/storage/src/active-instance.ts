import { seconds, systemClock, type Clock } from "@outrider/contracts/clock";
import { refuseHalfRestored } from "./backup/restore-marker.js";
import { acquireInstanceLock } from "./instance-lock.js";
import { acquireLease } from "./postgres/lease.js";
import { isStorageError, type StorageError } from "./storage-error.js";
import type { StoragePlace } from "./storage-for.js";
import type { LeaseToken } from "./storage.js";

/** The right to be the one active instance of a service, until it is released or the process ends. */
export interface ActiveInstance {
  readonly name: string;
  /** With PostgreSQL: for the storages of the instance, whose every transaction depends on it. */
  readonly lease: LeaseToken | undefined;
  /** False while a database that gives out the right has not confirmed it for too long. */
  readonly certain: boolean;
  release(): Promise<void>;
}

export interface ActivationOptions {
  /** What other instances are told of this one. */
  readonly holder: string;
  /** Told once when another instance has taken over, which only a database can allow: this process must end. */
  readonly lost: (error: StorageError) => void;
  /** Told once, with who is active, when this one has to wait. Without it nothing is waited for. */
  readonly standingBy?: ((who: string) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How soon a stand-by sees that it may take over. */
const ASK_EVERY = seconds(0.5);

/**
 * Makes this process the active instance of `name` in its deployment, or waits until it may be. With SQLite it is a lock
 * of the kernel, on a file, that a stopped process keeps; with PostgreSQL a row that runs out.
 * @throws StorageError `held`, with who holds it, when another one is active and nobody stands by; the signal's reason
 */
export async function becomeActive(
  place: StoragePlace,
  name: string,
  options: ActivationOptions,
): Promise<ActiveInstance> {
  const { standingBy, clock = systemClock, signal } = options;
  let told = false;
  for (;;) {
    try {
      return await take(place, name, options);
    } catch (error) {
      const waits = isStorageError(error, "held") || (told && isStorageError(error, "unreachable"));
      if (!standingBy || !waits) throw error;
      if (!told) standingBy(error.message);
      told = true;
      await clock.sleep(ASK_EVERY, signal);
    }
  }
}

async function take(
  { dataDirectory, databaseUrl }: StoragePlace,
  name: string,
  { holder, lost, clock }: ActivationOptions,
): Promise<ActiveInstance> {
  refuseHalfRestored(dataDirectory);
  if (databaseUrl !== undefined) {
    const lease = await acquireLease({ url: databaseUrl, name, holder, lost, clock });
    return {
      name,
      lease: lease.token,
      get certain() {
        return lease.certain;
      },
      release: () => lease.release(),
    };
  }
  const lock = await acquireInstanceLock(dataDirectory, name, holder);
  return {
    name,
    lease: undefined,
    certain: true,
    // oxlint-disable-next-line require-await -- a lease is given back over the wire
    release: async () => lock.release(),
  };
}

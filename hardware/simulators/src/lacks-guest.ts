import { buildLinuxGuest, GuestMissing } from "./guest-images.js";
import { LINUX_PEERS, mustSkip, type Peers } from "./peers.js";

/**
 * Whether tests with a guest have to be left out here, said loudly; builds the guest where it can.
 * @param tests what they are about
 * @throws Error where leaving out is a failure, as {@link mustSkip} has it
 */
export async function lacksGuest(
  tests: string,
  peers: Peers,
  build: () => Promise<unknown>,
): Promise<boolean> {
  if (mustSkip(tests, peers)) return true;
  try {
    await build();
    return false;
  } catch (error) {
    if (!(error instanceof GuestMissing)) throw error;
    return mustSkip(tests, {}, { problem: error.message });
  }
}

/** The same for a chassis's `linux` slots. */
export function lacksLinuxGuest(tests: string): Promise<boolean> {
  return lacksGuest(tests, LINUX_PEERS, () => buildLinuxGuest());
}

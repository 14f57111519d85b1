import { seconds, type Clock } from "@outrider/contracts/clock";
import type { ServiceName } from "@outrider/contracts/ids";
import { serviceClock, type ClockReading } from "@outrider/contracts/service";
import { crash } from "./crash.js";
import { MessagingError } from "./errors.js";
import { mintId } from "./mint-id.js";
import type { Session } from "./session.js";

const EVERY = seconds(2);
/** When calendar and monotonic clock part by more than this between two beacons, the machine may have slept. */
const JUMP_MS = 1000;

export interface ClockBeacon {
  /** What a command is stamped with. Take it when the command is published, not before. */
  reading(): ClockReading;
  /** Tells the clock now, out of turn: to a reader that has just come and would refuse a command for want of it. */
  tell(): void;
  /** No more beacons. */
  stop(): void;
}

/**
 * Tells agents the monotonic clock of a service that issues commands: on each connection before anything else, so
 * call this before other `onConnect` hooks are registered, and then every two seconds.
 *
 * The id is new at every start. It is also new when the machine seems to have slept, because a monotonic clock that
 * stood still would make every later command look old.
 */
export function startClockBeacon(
  session: Session,
  service: ServiceName,
  clock: Clock,
): ClockBeacon {
  let id = mintId();
  let aheadMs = clock.now().getTime() - clock.monotonicMs();
  const reading = (): ClockReading => ({ id, ms: clock.monotonicMs() });
  const say = async (): Promise<void> => {
    const nowAheadMs = clock.now().getTime() - clock.monotonicMs();
    if (Math.abs(nowAheadMs - aheadMs) > JUMP_MS) id = mintId();
    aheadMs = nowAheadMs;
    await session.publish(serviceClock, { service }, reading());
  };
  const tell = (): void => {
    if (!session.connected) return;
    say().catch((error: unknown) => {
      if (!(error instanceof MessagingError)) crash(error);
    });
  };
  session.onConnect(say);
  const stop = clock.every(EVERY, tell);
  return { reading, tell, stop };
}

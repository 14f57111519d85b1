/** Time for drivers and transports: transports know the contracts only through the ports. */
export { milliseconds, seconds } from "@outrider/contracts/clock";
export type { Clock, Duration } from "@outrider/contracts/clock";

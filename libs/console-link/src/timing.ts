import { seconds, type Duration } from "@outrider/contracts/clock";

/** How long the ends of a link wait for each other. */
export interface LinkTiming {
  /** Between two pings. */
  readonly ping: Duration;
  /** Nothing heard for so long: the peer is dead, whatever its socket says. */
  readonly dead: Duration;
  /** From the connection to the answer to `hello`. */
  readonly hello: Duration;
  /** How long whoever shows wrong credentials waits for the answer. */
  readonly refusal: Duration;
}

export const LINK_TIMING: LinkTiming = {
  ping: seconds(3),
  dead: seconds(10),
  hello: seconds(5),
  refusal: seconds(1),
};

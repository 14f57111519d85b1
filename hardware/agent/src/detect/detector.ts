import type { DetectOnAgent, EndpointProposal } from "@outrider/contracts/agent-request";
import type { Clock } from "@outrider/contracts/clock";
import type { DriverContext } from "@outrider/ports/driver";

/** What a detector is handed. */
export interface Detecting {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Switches to be asked, and the addresses of the site's nodes. */
  readonly asked: DetectOnAgent;
  /** Resolves secrets that are referred to. */
  readonly secret: DriverContext["secret"];
  /** Where `/sys` and `/dev` are: `/`, but in tests. */
  readonly root: string;
  /** Says to the person what of several things could not be looked at, and what to do; the others are proposed. */
  readonly trouble: (message: string) => void;
  /** Says to the person what was looked at, and why it led to nothing where it did. */
  readonly looked: (what: string) => void;
}

/** Looks for one kind of thing that could be an endpoint. It only looks: nothing is switched, written or typed. */
export interface Detector {
  /** As people are told when it could not look. */
  readonly name: string;
  /** @throws PortError when it could not look · the signal's reason. Nothing there is no error. */
  detect(detecting: Detecting): Promise<EndpointProposal[]>;
}

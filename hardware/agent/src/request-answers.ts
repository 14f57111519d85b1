import { detectOnAgent, identifyOnAgent, testOnAgent } from "@outrider/contracts/agent-request";
import type { Clock } from "@outrider/contracts/clock";
import type { EndpointId } from "@outrider/contracts/ids";
import { RequestError } from "@outrider/messaging/request-error";
import type { DriverContext } from "@outrider/ports/driver";
import { detectWith } from "./detect/detect.js";
import { DETECTORS } from "./detect/detectors.js";
import type { Endpoint } from "./endpoint.js";
import { IdentifyEndpoint, shiningFor } from "./identify-endpoint.js";
import type { Requests } from "./requests.js";
import { saw, tested } from "./tested.js";

/** What the answers are made of. */
export interface Answering {
  readonly clock: Clock;
  readonly endpoint: (id: EndpointId) => Endpoint | undefined;
  /** The same after it was tried again, where it was not open or not with what it shall be opened with now. */
  readonly triedAgain: (id: EndpointId, signal: AbortSignal) => Promise<Endpoint | undefined>;
  readonly secret: DriverContext["secret"];
}

/** Everything that an agent is asked beside commands. */
export function answerRequests(
  requests: Requests,
  { clock, endpoint, triedAgain, secret }: Answering,
): void {
  const demand = (id: EndpointId, found: Endpoint | undefined): Endpoint => {
    if (found) return found;
    throw new RequestError(
      "not-found",
      `this agent has no endpoint ${id}; check that its configuration was applied`,
    );
  };
  requests.serve(detectOnAgent, ({ body, signal }) =>
    detectWith(DETECTORS, { clock, signal, secret, asked: body, root: "/" }),
  );
  requests.serve(testOnAgent, async ({ body, signal }) => {
    const found = demand(body.endpoint, await triedAgain(body.endpoint, signal));
    const { failure } = found;
    if (failure !== undefined) {
      return tested(
        { ok: false, what: `It is not open: ${failure}` },
        saw("It was tried again just now, and is by itself at least once a minute."),
      );
    }
    return found.test(signal);
  });
  requests.serve(identifyOnAgent, async ({ body, actor, via, signal }) => {
    const found = demand(body.endpoint, endpoint(body.endpoint));
    if (!(found instanceof IdentifyEndpoint)) {
      throw new RequestError("invalid", `${found.id} is no lamp`, { field: "endpoint" });
    }
    return { on: await found.identify(body.on, shiningFor(body.forMs), { actor, via }, signal) };
  });
}

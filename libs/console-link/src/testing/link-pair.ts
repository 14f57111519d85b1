import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { agentId } from "@outrider/contracts/ids";
import { LinkClient, type LinkClientOptions } from "../link-client.js";
import { LinkServer, type LinkServerOptions } from "../link-server.js";
import { microClock } from "../micro-clock.js";
import type { LinkTiming } from "../timing.js";
import { Recorder } from "./recorder.js";

export const SECRET = "a-secret-of-rack-a";

/** As in life, but sooner. */
export const QUICK: LinkTiming = {
  ping: milliseconds(100),
  // A test that is held up for so long loses its link.
  dead: milliseconds(2000),
  hello: milliseconds(400),
  refusal: milliseconds(50),
};

/** A service on a free port of this host. */
export async function startService(
  recorder = new Recorder(),
  options: Partial<LinkServerOptions> = {},
): Promise<{ server: LinkServer; port: number; recorder: Recorder } & AsyncDisposable> {
  const server = new LinkServer({
    verify: (agent, secret) =>
      Promise.resolve(
        agent === "rack-a" && secret === SECRET ? { stillStands: () => true } : undefined,
      ),
    onConsole: recorder.take,
    clock: systemClock,
    nowMicros: microClock(systemClock),
    timing: QUICK,
    ...options,
  });
  const port = await server.listen("127.0.0.1", 0);
  return { server, port, recorder, [Symbol.asyncDispose]: () => server.close() };
}

export function makeAgent(port: number, options: Partial<LinkClientOptions> = {}): LinkClient {
  return new LinkClient({
    host: "127.0.0.1",
    port,
    agent: agentId("rack-a"),
    secret: SECRET,
    clock: systemClock,
    nowMicros: microClock(systemClock),
    timing: QUICK,
    ...options,
  });
}

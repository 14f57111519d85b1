import type { Edge, Simulator } from "@outrider/simulators/spawn";
import { hostMs } from "./machine.js";

const WITHIN_MS = 120_000;
const POLL_WAIT_MS = 1000;

/** A place in the log of a rack. */
export async function markOf({ client }: Simulator): Promise<number> {
  return (await client.edges()).at(-1)?.seq ?? 0;
}

/**
 * The supplies that a rack switched after a mark.
 * @returns when so many have, in their order
 * @throws Error when they have not within two minutes
 */
export async function switched(
  { client }: Simulator,
  since: number,
  count: number,
): Promise<Edge[]> {
  const untilMs = hostMs() + WITHIN_MS;
  const found: Edge[] = [];
  let seen = since;
  for (;;) {
    // Asked for after a while and not for each of them, so that whoever measures is no load.
    const edges = await client.edges({ since: seen, waitMs: POLL_WAIT_MS });
    seen = edges.at(-1)?.seq ?? seen;
    found.push(...edges.filter(({ edge }) => edge === "supply-on" || edge === "supply-off"));
    if (found.length >= count) return found;
    if (hostMs() > untilMs) throw new Error(`${found.length} of ${count} supplies switched`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

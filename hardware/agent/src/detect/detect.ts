import type { Detected, EndpointProposal } from "@outrider/contracts/agent-request";
import { seconds } from "@outrider/contracts/clock";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import type { Detecting, Detector } from "./detector.js";

/** A detector that takes longer is left out; the others are not kept waiting. */
const EACH_WITHIN = seconds(15);
/** What fits into an answer with room to spare. */
const MOST_PROPOSALS = 200;
const MOST_BYTES = 40_000;
const MOST_LOOKS = 20;

const RANK = { high: 0, medium: 1, low: 2 } as const;

/** What all detectors found, the surest first. One that fails is a problem beside what the others found. */
export async function detectWith(
  detectors: readonly Detector[],
  detecting: Omit<Detecting, "trouble" | "looked">,
): Promise<Detected> {
  const { clock, signal } = detecting;
  const problems: Detected["problems"] = [];
  const looks: NonNullable<Detected["looked"]> = [];
  const found = await Promise.all(
    detectors.map(async ({ name, detect }) => {
      const trouble = (message: string): void =>
        void problems.push({ detector: name, message: message.slice(0, 500) });
      const looked = (what: string): void => {
        if (looks.length < MOST_LOOKS) looks.push({ detector: name, what: what.slice(0, 500) });
      };
      try {
        return await withDeadline(clock, EACH_WITHIN, signal, `The detector ${name}`, (within) =>
          detect({ ...detecting, signal: within, trouble, looked }),
        );
      } catch (error) {
        if (!(error instanceof PortError)) throw error;
        trouble(error.message);
        return [];
      }
    }),
  );
  const sorted = found.flat().toSorted((a, b) => RANK[a.confidence] - RANK[b.confidence]);
  const proposals = fitting(sorted);
  const left = sorted.length - proposals.length;
  if (left > 0)
    problems.push({ detector: "all", message: `${left} more were found and left out.` });
  const order = detectors.map(({ name }) => name);
  const looked = looks.toSorted((a, b) => order.indexOf(a.detector) - order.indexOf(b.detector));
  return { proposals, problems, looked };
}

function fitting(sorted: readonly EndpointProposal[]): EndpointProposal[] {
  let bytes = 0;
  const fit: EndpointProposal[] = [];
  for (const proposal of sorted.slice(0, MOST_PROPOSALS)) {
    const cut = { ...proposal, why: proposal.why.slice(0, 500) };
    bytes += Buffer.byteLength(JSON.stringify(cut));
    if (bytes > MOST_BYTES) break;
    fit.push(cut);
  }
  return fit;
}

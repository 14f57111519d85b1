import { HttpProblem } from "../http/problem.js";

/** Nodes that are asked for at once: their lines stand together, by time. */
const NODES_AT_ONCE = 20;
const FIRST_WINDOW_MS = 6 * 3_600_000;
const LEAST_WINDOW_MS = 1000;

interface Asked<Node> {
  readonly nodes?: readonly Node[] | undefined;
  readonly from: string;
  readonly to: string;
  readonly everyMs: number;
}

/**
 * What is asked for over time as text, however much: in pieces that are small enough, each once what came before was
 * taken. Some nodes after others, within them by time.
 * @param ask for the lines of a piece; refuses with `too-large` what is more than fits into an answer
 */
export async function* pieces<Node, A extends Asked<Node>>(
  asked: A,
  ask: (piece: A) => Promise<string>,
): AsyncGenerator<string> {
  const { nodes, from, to, everyMs } = asked;
  if (!nodes) return yield* windows(asked, ask);
  for (let first = 0; first < nodes.length; first += NODES_AT_ONCE) {
    const some = nodes.slice(first, first + NODES_AT_ONCE);
    yield* windows({ ...asked, nodes: some, from, to, everyMs }, ask);
  }
}

/** A mean without the noise of its sum, which would put it beside the least and the greatest: 0.98, not 0.9799999999999989. */
export function meanCell(mean: number): number {
  return Number(mean.toPrecision(12));
}

async function* windows<A extends Asked<unknown>>(
  asked: A,
  ask: (piece: A) => Promise<string>,
): AsyncGenerator<string> {
  const { everyMs } = asked;
  const [fromMs, toMs] = [Date.parse(asked.from), Date.parse(asked.to)];
  let windowMs = Math.max(everyMs, whole(FIRST_WINDOW_MS, everyMs));
  for (let at = fromMs; at < toMs;) {
    // Windows end where buckets do, so that none is told in two halves.
    const end = Math.min(toMs, whole(at + windowMs, everyMs));
    const text = await smallEnough(
      ask({ ...asked, from: new Date(at).toISOString(), to: new Date(end).toISOString() }),
    );
    if (text === undefined && windowMs > Math.max(everyMs, LEAST_WINDOW_MS)) {
      windowMs = Math.max(whole(windowMs / 4, everyMs), everyMs, LEAST_WINDOW_MS);
      continue;
    }
    if (text === undefined) {
      throw new HttpProblem("too-large", "a second of this is too much for one answer");
    }
    if (text !== "") yield text;
    at = end;
    if (text.length < 500_000) windowMs = Math.min(windowMs * 2, 32 * FIRST_WINDOW_MS);
  }
}

async function smallEnough(asked: Promise<string>): Promise<string | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof HttpProblem && error.code === "too-large") return undefined;
    throw error;
  }
}

/** Down to a whole number of buckets. */
function whole(ms: number, everyMs: number): number {
  return everyMs === 0 ? Math.floor(ms) : Math.floor(ms / everyMs) * everyMs;
}

import type { DescribedEndpoint } from "@outrider/contracts/agent";
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { ApiError, type Api } from "./api.js";
import type { Console } from "./console.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { plain } from "./plain.js";

const POLL = { first: 100, most: 1000 } as const;

/** What is read here of the gateway's agents. */
interface AgentView {
  readonly id: string;
  readonly status?: { readonly state: string };
  readonly generation?: number;
}
interface AgentDetail {
  readonly description?: { readonly endpoints: readonly DescribedEndpoint[] };
}

/**
 * Waits until agents have tried each endpoint that a site gives them, and names those that could not be opened. An agent
 * that is away is not waited for: it does so when it is connected again.
 * @param generations of what they were given, by agent
 * @param patienceMs how long is waited for all of them together
 */
export async function agentsSettled(
  api: Api,
  generations: Readonly<Record<string, number>>,
  patienceMs: number,
  console: Console,
): Promise<ExitCode> {
  try {
    const { settled, away, late } = await waited(api, generations, patienceMs, console);
    const failed = await failedEndpoints(api, settled);
    const say = (line: string): void => console.error(plain(`outrider: ${line}`));
    for (const { endpoint, reason = "it does not say why" } of failed) {
      say(`${endpoint} could not be opened: ${reason}`);
    }
    for (const agent of away) {
      say(`agent ${agent} is away; it opens its endpoints when it is connected`);
    }
    for (const agent of late) {
      say(
        `agent ${agent} has not said within ${patienceMs / 1000} s what became of its endpoints; see \`outrider describe agent ${agent}\``,
      );
    }
    if (failed.length > 0) return EXIT.partial;
    return late.length > 0 ? EXIT.timedOut : EXIT.verified;
  } catch (error) {
    // Who may change a site need not see agents.
    if (error instanceof ApiError && error.exitCode === EXIT.notAllowed) return EXIT.verified;
    throw error;
  }
}

interface Waited {
  readonly settled: readonly string[];
  readonly away: readonly string[];
  readonly late: readonly string[];
}

async function waited(
  api: Api,
  generations: Readonly<Record<string, number>>,
  patienceMs: number,
  console: Console,
): Promise<Waited> {
  const untilMs = systemClock.monotonicMs() + patienceMs;
  const wanted = Object.entries(generations);
  for (let pauseMs: number = POLL.first; ; pauseMs = Math.min(pauseMs * 1.5, POLL.most)) {
    const { agents } = await api.get<{ readonly agents: readonly AgentView[] }>("/agents");
    const states = wanted.map(([id, generation]) => {
      const agent = agents.find((one) => one.id === id);
      if ((agent?.generation ?? 0) >= generation) return { id, state: "settled" };
      return { id, state: agent?.status?.state === "ready" ? "late" : "away" };
    });
    const of = (wantedState: string): string[] =>
      states.filter(({ state }) => state === wantedState).map(({ id }) => id);
    const [settled, away, late] = [of("settled"), of("away"), of("late")];
    if (late.length === 0 || systemClock.monotonicMs() > untilMs) return { settled, away, late };
    console.progress(plain(`waiting for ${late.join(", ")} to open what changed`));
    await systemClock.sleep(milliseconds(Math.ceil(pauseMs)), console.interrupted);
  }
}

async function failedEndpoints(
  api: Api,
  agents: readonly string[],
): Promise<readonly DescribedEndpoint[]> {
  const found: DescribedEndpoint[] = [];
  for (const agent of agents) {
    const { description } = await api.get<AgentDetail>(`/agents/${encodeURIComponent(agent)}`);
    found.push(...(description?.endpoints.filter(({ state }) => state === "failed") ?? []));
  }
  return found;
}

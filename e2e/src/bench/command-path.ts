import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Deployment } from "../deployment.js";
import { Commits } from "./commits.js";
import { figure, table } from "./markdown.js";
import { PowerCommands } from "./power-commands.js";
import { RoundTrips } from "./round-trips.js";
import { median, spread } from "./statistics.js";
import { commitsInLog } from "./wal.js";

export interface CommandPathPlan {
  readonly rounds: number;
  /** Bursts of each kind in a round, by how many commands are in one. */
  readonly burstsAtOnce: Readonly<Record<number, number>>;
}

/** Accepted by the service, accepted by the agent, outcome at the agent, outcome at the service. */
const COMMITS_NEEDED = 4;
const ROUND_TRIPS = 2;
/** Between bursts, so that what a command leaves to be done does not count for the next one. */
const PAUSE_MS = 60;

/** What was measured of one kind at one number at once; rounds of samples in milliseconds. */
type Rounds = number[][];

interface Measured {
  readonly roundTrip: Rounds;
  readonly commit: Rounds;
  readonly edge: Rounds;
  readonly result: Rounds;
}

/** From `power/set` to the machine and back to the terminal result, against what that must cost. */
export async function measureCommandPath(lab: Deployment, plan: CommandPathPlan): Promise<string> {
  await using commits = await Commits.open(lab.data);
  await using commands = await PowerCommands.start(lab);
  await using trips = await RoundTrips.start(
    lab.port,
    await lab.identities.add("service", "telemetry"),
    await lab.identities.add("service", "boot"),
  );
  const rows: string[][] = [];
  const counted: string[] = [];
  for (const [key, bursts] of Object.entries(plan.burstsAtOnce)) {
    const atOnce = Number(key);
    const measured = await measure({ commits, commands, trips }, atOnce, bursts, plan.rounds);
    rows.push(...rowsOf(atOnce, measured));
    counted.push(await countCommits(lab, commands, atOnce));
  }
  const head = ["at once", "what", "p50 ms", "p99 ms", "p50 / what it must cost"];
  return `${table([head[1] ?? "", head[0] ?? "", ...head.slice(2)], rows)}\n\n${counted.join("\n")}`;
}

async function measure(
  parts: { commits: Commits; commands: PowerCommands; trips: RoundTrips },
  atOnce: number,
  bursts: number,
  rounds: number,
): Promise<Measured> {
  const { commits, commands, trips } = parts;
  const measured: Measured = { roundTrip: [], commit: [], edge: [], result: [] };
  // The first round warms up compilers and caches and does not count.
  for (let round = 0; round <= rounds; round++) {
    const samples = { roundTrip: [], commit: [], edge: [], result: [] } as Record<
      keyof Measured,
      number[]
    >;
    for (let burst = 0; burst < bursts; burst++) {
      samples.roundTrip.push(...(await trips.burst(atOnce)));
      await delay(PAUSE_MS);
      samples.commit.push(...(await commits.burst(atOnce)));
      await delay(PAUSE_MS);
      for (const { edgeMs, resultMs } of await commands.burst(atOnce)) {
        samples.edge.push(edgeMs);
        samples.result.push(resultMs);
      }
      await delay(PAUSE_MS);
    }
    if (round === 0) continue;
    for (const kind of ["roundTrip", "commit", "edge", "result"] as const) {
      measured[kind].push(samples[kind]);
    }
  }
  return measured;
}

function rowsOf(atOnce: number, { roundTrip, commit, edge, result }: Measured): string[][] {
  const p50 = (rounds: Rounds, round: number): number => median(rounds[round] ?? []);
  const must = roundTrip.map(
    (_, round) => ROUND_TRIPS * p50(roundTrip, round) + COMMITS_NEEDED * p50(commit, round),
  );
  // Until the edge: half the way, and what must be on disk before anybody acts.
  const mustEdge = must.map((ms) => ms / 2);
  const ratio = (rounds: Rounds, costs: readonly number[]): string =>
    median(rounds.map((_, round) => p50(rounds, round) / (costs[round] ?? Number.NaN))).toFixed(2);
  const row = (what: string, rounds: Rounds, last: string): string[] => {
    const { p99 } = spread(rounds.flat());
    const middle = median(rounds.map((_, round) => p50(rounds, round)));
    return [what, String(atOnce), figure(middle), figure(p99), last];
  };
  return [
    row("bare MQTT round trip", roundTrip, ""),
    row("one commit", commit, ""),
    [
      `${ROUND_TRIPS} round trips + ${COMMITS_NEEDED} commits`,
      String(atOnce),
      figure(median(must)),
      "",
      "1",
    ],
    row("command → edge", edge, `${ratio(edge, mustEdge)} of half of it`),
    row("command → verified result", result, `**${ratio(result, must)}**`),
  ];
}

/** Flushes per command as the files of service and agent show them; those after the result are in it. */
async function countCommits(
  lab: Deployment,
  commands: PowerCommands,
  atOnce: number,
): Promise<string> {
  const files = [join(lab.data, "power.sqlite"), join(lab.data, "agent-lab", "journal.sqlite")];
  const bursts = atOnce === 1 ? 10 : 2;
  for (let attempt = 1; attempt <= 5; attempt++) {
    const before = files.map(commitsInLog);
    for (let burst = 0; burst < bursts; burst++) {
      await commands.burst(atOnce);
      await delay(2 * PAUSE_MS);
    }
    const after = files.map(commitsInLog);
    // A log that was begun anew in between says nothing.
    if (after.some(({ salt }, index) => salt !== before[index]?.salt)) continue;
    const [service = 0, agent = 0] = after.map(
      (log, index) => (log.commits - (before[index]?.commits ?? 0)) / (bursts * atOnce),
    );
    return `- Flushes per command with ${atOnce} at once, counted in the logs of the databases: ${figure(service)} in the service, ${figure(agent)} in the agent.`;
  }
  return `- Flushes with ${atOnce} at once could not be counted.`;
}

import { join } from "node:path";
import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Deployment } from "../deployment.js";
import { Commits } from "./commits.js";
import { cpuMs } from "./machine.js";
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
const COMMITS = 4;
const ROUND_TRIPS = 2;
/** The machine is told and read back. */
const DEVICE_TRIPS = 2;
/** Between bursts, so that what a command leaves to be done does not count for the next one. */
const PAUSE_MS = 60;
/** Before anything counts, so that what is measured is a service that has run for a while. */
const WARM_UP = { bursts: 10, atOnce: 50 };

const KINDS = ["roundTrip", "commit", "device", "edge", "result"] as const;
/** What was measured at one number at once: rounds of samples in milliseconds. */
type Measured = Readonly<Record<(typeof KINDS)[number], number[][]>>;

interface Parts {
  readonly commits: Commits;
  readonly commands: PowerCommands;
  readonly trips: RoundTrips;
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
  const parts = { commits, commands, trips };
  await round(parts, WARM_UP.atOnce, WARM_UP.bursts);
  const rows: string[][] = [];
  for (const [key, bursts] of Object.entries(plan.burstsAtOnce)) {
    const measured: Measured = { roundTrip: [], commit: [], device: [], edge: [], result: [] };
    for (let number = 0; number < plan.rounds; number++) {
      const samples = await round(parts, Number(key), bursts);
      for (const kind of KINDS) measured[kind].push(samples[kind]);
    }
    rows.push(...rowsOf(Number(key), measured));
  }
  const head = ["what", "at once", "p50 ms", "p99 ms", "ratio to A", "ratio to B"];
  return [
    table(head, rows),
    await countCommits(lab, commands),
    await processorTime(lab, commands),
  ].join("\n\n");
}

/** What a command keeps each process busy with, which is what bounds many at once. */
async function processorTime(lab: Deployment, commands: PowerCommands): Promise<string> {
  const { atOnce, bursts } = WARM_UP;
  const pids = { broker: lab.broker, service: lab.power, agent: lab.agent(), machines: lab.rack };
  const before = Object.values(pids).map(({ pid }) => cpuMs(pid));
  for (let burst = 0; burst < bursts; burst++) {
    await commands.burst(atOnce);
    await delay(PAUSE_MS);
  }
  const each = Object.values(pids).map(
    ({ pid }, index) => (cpuMs(pid) - (before[index] ?? 0)) / (bursts * atOnce),
  );
  const whole = each.reduce((sum, one) => sum + one, 0);
  const shares = Object.keys(pids).map((name, index) => `${name} ${figure(each[index] ?? 0)} ms`);
  const leastMs = (whole * atOnce) / availableParallelism();
  return `Processor time for one command of ${atOnce} at once: ${shares.join(", ")}; ${figure(whole)} ms together, so that ${atOnce} keep ${availableParallelism()} cores busy for ${figure(leastMs)} ms.`;
}

/** Some bursts of each kind in turn, so that what disturbs the machine disturbs all of them. */
async function round(
  { commits, commands, trips }: Parts,
  atOnce: number,
  bursts: number,
): Promise<Record<(typeof KINDS)[number], number[]>> {
  const samples = { roundTrip: [], commit: [], device: [], edge: [], result: [] } as Record<
    (typeof KINDS)[number],
    number[]
  >;
  for (let burst = 0; burst < bursts; burst++) {
    samples.roundTrip.push(...(await trips.burst(atOnce)));
    await delay(PAUSE_MS);
    samples.commit.push(...(await commits.burst(atOnce)));
    await delay(PAUSE_MS);
    samples.device.push(...(await commands.askMachines(atOnce)));
    await delay(PAUSE_MS);
    for (const { edgeMs, resultMs } of await commands.burst(atOnce)) {
      samples.edge.push(edgeMs);
      samples.result.push(resultMs);
    }
    await delay(PAUSE_MS);
  }
  return samples;
}

function rowsOf(atOnce: number, measured: Measured): string[][] {
  const p50s = (kind: (typeof KINDS)[number]): number[] => measured[kind].map(median);
  const sum = (trips: number, commits: number, devices: number): number[] =>
    p50s("roundTrip").map(
      (ms, index) =>
        trips * ms +
        commits * (p50s("commit")[index] ?? Number.NaN) +
        devices * (p50s("device")[index] ?? Number.NaN),
    );
  const a = sum(ROUND_TRIPS, COMMITS, 0);
  const b = sum(ROUND_TRIPS, COMMITS, DEVICE_TRIPS);
  const ratio = (values: readonly number[], costs: readonly number[]): string =>
    median(values.map((ms, index) => ms / (costs[index] ?? Number.NaN))).toFixed(2);
  const row = (what: string, kind: (typeof KINDS)[number], ...ratios: string[]): string[] => {
    const { p99 } = spread(measured[kind].flat());
    return [what, String(atOnce), figure(median(p50s(kind))), figure(p99), ...ratios];
  };
  const needed = (what: string, costs: readonly number[]): string[] => {
    return [what, String(atOnce), figure(median(costs)), "", "", ""];
  };
  // Until the edge: half of the way, and what must be on disk before anybody acts.
  const edge = p50s("edge");
  const result = p50s("result");
  const edgeA = ratio(edge, sum(ROUND_TRIPS / 2, COMMITS / 2, 0));
  const edgeB = ratio(edge, sum(ROUND_TRIPS / 2, COMMITS / 2, DEVICE_TRIPS / 2));
  return [
    row("bare MQTT round trip", "roundTrip", "", ""),
    row("one commit", "commit", "", ""),
    row("one HTTP round trip to the machine", "device", "", ""),
    needed(`A: ${ROUND_TRIPS} round trips + ${COMMITS} commits`, a),
    needed(`B: A + ${DEVICE_TRIPS} trips to the machine`, b),
    row("command → edge", "edge", `${edgeA} of half`, `${edgeB} of half`),
    row("command → verified result", "result", `**${ratio(result, a)}**`, ratio(result, b)),
  ];
}

/** Flushes per command as the files of service and agent show them; those after the result are in it. */
async function countCommits(lab: Deployment, commands: PowerCommands): Promise<string> {
  const files = [join(lab.data, "power.sqlite"), join(lab.data, "agent-lab", "journal.sqlite")];
  const perCommand: number[][] = [];
  for (let command = 0; command < 20; command++) {
    const before = files.map(commitsInLog);
    await commands.burst(1);
    await delay(4 * PAUSE_MS);
    const after = files.map(commitsInLog);
    // A log that was begun anew in between says nothing.
    if (after.some(({ salt }, index) => salt !== before[index]?.salt)) continue;
    perCommand.push(after.map((log, index) => log.commits - (before[index]?.commits ?? 0)));
  }
  const mean = (index: number): string =>
    figure(perCommand.reduce((sum, one) => sum + (one[index] ?? 0), 0) / perCommand.length);
  return `Flushes for one command, counted in the logs of the databases (${perCommand.length} commands): ${mean(0)} in the service, ${mean(1)} in the agent. Those that come after the result was told are in it: that it was told, and that the agent's report was acknowledged.`;
}

import { startCandidates, type Candidate, type CandidateName } from "./broker-candidates.js";
import { run, scenarios, type Scenario, type Throughput } from "./broker-load.js";
import { idle } from "./idle-clients.js";
import { figure, table } from "./markdown.js";
import { median } from "./statistics.js";

export interface BrokersPlan {
  readonly rounds: number;
  /** Messages of a fan-in; a fan-out has as many deliveries twice. */
  readonly messages: number;
  readonly idleClients: number;
}

/** Our broker, the Aedes that it is built on, and mosquitto, in turn under the same load. */
export async function measureBrokers(plan: BrokersPlan): Promise<string> {
  const traffic = await withCandidates(100, async (candidates) => {
    const rows: string[][] = [];
    for (const scenario of scenarios(plan.messages)) {
      rows.push(...(await compare(scenario, candidates, plan.rounds)));
    }
    return rows;
  });
  // In processes of their own: memory that other work has taken before would be given to clients unseen.
  const idlers = await withCandidates(0, async (candidates) => {
    const rows: string[][] = [];
    for (const candidate of candidates) {
      const { connectsPerSecond, kibPerClient } = await idle(candidate, plan.idleClients);
      rows.push([candidate.name, figure(connectsPerSecond), figure(kibPerClient)]);
    }
    return rows;
  });
  return [
    table(
      ["traffic, 200 B", "QoS", "broker", "deliveries/s", "ratio", "CPU µs/delivery", "ratio"],
      traffic,
    ),
    "",
    `${plan.idleClients.toLocaleString("en-US")} clients that log in, subscribe one filter and wait:`,
    "",
    table(["broker", "logins/s", "KiB/client"], idlers),
  ].join("\n");
}

async function withCandidates<T>(
  agents: number,
  measure: (candidates: readonly Candidate[]) => Promise<T>,
): Promise<T> {
  await using stack = new AsyncDisposableStack();
  const candidates = await startCandidates(agents);
  for (const candidate of candidates) stack.use(candidate);
  return await measure(candidates);
}

async function compare(
  scenario: Scenario,
  candidates: readonly Candidate[],
  rounds: number,
): Promise<string[][]> {
  const measured = new Map<CandidateName, Throughput[]>();
  for (const { name } of candidates) measured.set(name, []);
  for (let round = 0; round <= rounds; round++) {
    for (const candidate of candidates) {
      const throughput = await run(candidate, scenario);
      // The first round warms up.
      if (round > 0) measured.get(candidate.name)?.push(throughput);
    }
  }
  const bare = measured.get("bare Aedes") ?? [];
  return candidates.map(({ name }) => {
    const own = measured.get(name) ?? [];
    const ratio = (of: (one: Throughput) => number): string =>
      median(own.flatMap((one, round) => (bare[round] ? [of(one) / of(bare[round])] : []))).toFixed(
        2,
      );
    const speed = (one: Throughput): number => one.deliveriesPerSecond;
    const cpu = (one: Throughput): number => one.cpuMicros;
    return [
      scenario.name,
      String(scenario.qos),
      name,
      figure(median(own.map(speed))),
      ratio(speed),
      figure(median(own.map(cpu))),
      ratio(cpu),
    ];
  });
}

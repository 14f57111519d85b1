import { eventually } from "@outrider/testing/eventually";
import { Lines } from "../consoles/lines.js";
import { exported, sentBy, wrongWith } from "../consoles/log-judge.js";
import type { Rest } from "../fleet/rest.js";
import { echoesOfAll, flood, throughput, type Flood } from "./console-load.js";
import { startOutrider, type Outrider } from "./console-outrider.js";
import { startConserver, startRelay, startSer2net, type TerminalServer } from "./console-peers.js";
import { measureConsoleLogs } from "./console-logs.js";
import { figure, table } from "./markdown.js";
import { median, spread } from "./statistics.js";

export interface ConsolesPlan {
  readonly rounds: number;
  readonly lines: number;
  /** Typed at one line, and at each of all at once. */
  readonly keys: { readonly one: number; readonly each: number };
  /** How long each flood lasts. */
  readonly spanMs: number;
  /** Size of the logs that are searched, in GiB, one node each. */
  readonly searchGib: number;
  readonly attaches: number;
}

/** Between two keys: a fast typist, so that one key never meets the echo of another. */
const PAUSE_MS = { one: 15, each: 250 };
/** Bytes a second of 115,200 baud, and of 1.5 Mbaud. */
const RATES = [11_520, 150_000];
/** More than any of them takes. */
const MOST = { one: 40e6, each: 2e6 };

type Server = TerminalServer & Partial<Outrider>;

/** Lines that send the same, under conserver, ser2net and Outrider in turns, with logs, one client for all of them. */
export async function measureConsoles(plan: ConsolesPlan): Promise<string> {
  const echo = new Results<number[]>();
  const floods = new Results<Flood>();
  const rates = new Results<number>();
  const logs = { right: 0, all: 0 };
  for (let round = 0; round < plan.rounds; round++) {
    await onEach(plan.lines, { echo: true }, async (server) => {
      await measureEchoes(server, plan, echo);
    });
    for (const rate of RATES) {
      await onEach(plan.lines, { bytesPerSecond: rate }, async (server, lines) => {
        floods.add(
          `${server.name}|${rate}`,
          await flood(server, lines.sender, plan.lines, plan.spanMs),
        );
        if (server.rest) {
          logs.all += plan.lines;
          logs.right += await rightLogs(server.rest, lines);
        }
      });
    }
    for (const [count, bytesPerSecond] of [
      [1, MOST.one],
      [plan.lines, MOST.each],
    ] as const) {
      await onEach(count, { bytesPerSecond }, async (server, lines) => {
        const seen = await throughput(server, lines.sender, count, plan.spanMs / 2);
        rates.add(`${server.name}|${count}`, seen);
      });
    }
  }
  return [
    ...echoText(echo, plan),
    ...floodText(floods, plan),
    `Of Outrider's logs of these floods, compared byte by byte with what the lines sent, ${logs.right} of ${logs.all} are right.`,
    ...throughputText(rates),
    await measureConsoleLogs(plan),
  ].join("\n\n");
}

/** How many logs are what their lines have sent, once they have been given time to be. The lines must be stopped. */
async function rightLogs(rest: Rest, lines: Lines): Promise<number> {
  const sent = await sentBy(lines);
  const verdicts = await Promise.all(
    sent.map(async (bytes, line) => {
      const right = async (): Promise<boolean> =>
        wrongWith(await exported(rest, line), bytes) === undefined;
      return eventually("the log is right", right, { withinMs: 60_000, everyMs: 2000 }).catch(
        () => false,
      );
    }),
  );
  return verdicts.filter(Boolean).length;
}

/**
 * Starts each on lines that send the same, one after another. Each has lines of its own, because what one has read is in
 * no other's log.
 */
async function onEach(
  count: number,
  spec: { readonly echo?: boolean; readonly bytesPerSecond?: number },
  measure: (server: Server, lines: Lines) => Promise<void>,
): Promise<void> {
  const starts: readonly ((lines: Lines) => Promise<Server | undefined>)[] = [
    ({ paths }) => startConserver(paths),
    ({ paths }) => startSer2net(paths),
    ({ paths }) => startRelay(paths),
    startOutrider,
  ];
  for (const start of starts) {
    await using lines = await Lines.start(count, () => spec);
    const server = await start(lines);
    if (!server) continue;
    await using _ = server;
    await measure(server, lines);
  }
}

async function measureEchoes(
  server: Server,
  { lines, keys }: ConsolesPlan,
  results: Results<number[]>,
): Promise<void> {
  const doors = [
    [server.name, server.open],
    [`${server.name}, SSH`, server.openSsh],
    [`${server.name}, WebSocket`, server.openWeb],
  ] as const;
  for (const [name, open] of doors) {
    if (!open) continue;
    await echoesOfAll(open, 1, 30, PAUSE_MS.one);
    results.add(`${name}|1`, await echoesOfAll(open, 1, keys.one, PAUSE_MS.one));
    const many = await echoesOfAll(open, lines, keys.each, PAUSE_MS.each);
    results.add(`${name}|${lines}`, many);
  }
}

function echoText(results: Results<number[]>, { lines, rounds }: ConsolesPlan): string[] {
  const rows = results.entries().map(([key, all]) => {
    const [name = "", count = ""] = key.split("|");
    const p50 = median(all.map((round) => spread(round).p50));
    const p99 = median(all.map((round) => spread(round).p99));
    return [name, count, figure(p50), figure(p99)];
  });
  return [
    `From a key to its echo (median of ${rounds === 1 ? "one round" : `${rounds} rounds`}; at ${lines}, somebody types four keys a second at each):`,
    table(["server", "lines typed at", "p50 ms", "p99 ms"], rows),
  ];
}

function floodText(results: Results<Flood>, { lines }: ConsolesPlan): string[] {
  const rows = results.entries().map(([key, rounds]) => {
    const [name = "", rate = ""] = key.split("|");
    const sent = rounds.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
    const dropped = rounds.reduce((sum, { droppedBytes }) => sum + droppedBytes, 0);
    const seen = rounds.reduce((sum, { seenBytes }) => sum + seenBytes, 0);
    return [
      name,
      figure(Number(rate)),
      figure(median(rounds.map(({ cores }) => cores))),
      `${figure((100 * dropped) / (sent + dropped))} %`,
      `${figure((100 * seen) / (sent + dropped))} %`,
    ];
  });
  return [
    `${lines} lines that talk without a pause, one person looking on at each (processor time of all processes of a server; of Outrider, agent and console service together):`,
    table(
      ["server", "bytes/s each", "cores", "lost at the line", "seen by those who look on"],
      rows,
    ),
  ];
}

function throughputText(results: Results<number>): string[] {
  const rows = results.entries().map(([key, rounds]) => {
    const [name = "", count = ""] = key.split("|");
    return [name, count, figure(median(rounds) / 1e6)];
  });
  return [
    "Lines that talk faster than any server takes:",
    table(["server", "lines", "MB/s seen"], rows),
  ];
}

/** Of each name, one value a round. */
class Results<T> {
  readonly #all = new Map<string, T[]>();

  add(name: string, value: T): void {
    this.#all.set(name, [...(this.#all.get(name) ?? []), value]);
  }

  entries(): [string, T[]][] {
    return [...this.#all];
  }
}

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { plainToInstance } from "class-transformer";
import { validateSync } from "class-validator";
import { AgentCommand, agentCommand, AgentEvent, agentEvent } from "./agent.js";
import { check, decode } from "./codec.js";
import { PowerState, powerState } from "./power.js";
import type { AnyContract } from "./contract.js";

/**
 * What a message costs when the compiled schema checks it, against the decorators it was compiled from, and what the
 * whole of `decode` costs. Run by node, it prints one line of JSON. The figures are ratios within one run.
 */
export interface SchemaBench {
  readonly payload: string;
  readonly bytes: number;
  readonly schemaNs: number;
  readonly decoratorsNs: number;
  readonly decodeNs: number;
  /** How many times the decorators cost what the schema costs. */
  readonly decoratorsPerSchema: number;
  /** Share of the schema in all of `decode`. */
  readonly schemaPerDecode: number;
}

interface Subject {
  readonly type: new () => object;
  readonly contract: AnyContract;
  readonly sample: string;
}

const SUBJECTS: readonly Subject[] = [
  { type: AgentCommand, contract: agentCommand, sample: "agent-command" },
  { type: PowerState, contract: powerState, sample: "power-state-running" },
  { type: AgentEvent, contract: agentEvent, sample: "agent-event-observations" },
];

/** @param rounds measurements of each, of which the least counts, as only interference adds to it; 20 ms each */
export function benchSchemas(rounds = 15): SchemaBench[] {
  return SUBJECTS.map(({ type, contract, sample }) => {
    const bytes = payloadOf(sample);
    const value: unknown = JSON.parse(bytes.toString());
    const [schemaNs = 0, decoratorsNs = 0, decodeNs = 0] = leasts(rounds, [
      () => check(type, value, true).ok,
      () => decoratorsAccept(type, value as object),
      () => decode(contract, bytes).ok,
    ]);
    return {
      payload: type.name,
      bytes: bytes.length,
      schemaNs: Math.round(schemaNs),
      decoratorsNs: Math.round(decoratorsNs),
      decodeNs: Math.round(decodeNs),
      decoratorsPerSchema: Math.round(decoratorsNs / schemaNs),
      schemaPerDecode: Math.round((100 * schemaNs) / decodeNs) / 100,
    };
  });
}

/** As class-validator's manual has it, and as a Nest pipe does it. */
function decoratorsAccept(type: new () => object, value: object): boolean {
  const instance = plainToInstance(type, value);
  return validateSync(instance, { whitelist: true, forbidNonWhitelisted: true }).length === 0;
}

function payloadOf(sample: string): Buffer {
  const file = new URL(`../golden/v1/${sample}.json`, import.meta.url);
  return Buffer.from((JSON.parse(readFileSync(file, "utf8")) as { payload: string }).payload);
}

/** Nanoseconds per call, measured in turn, so that a machine that slows down slows all of them. */
function leasts(rounds: number, runs: readonly (() => boolean)[]): number[] {
  const least = runs.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    for (const [at, run] of runs.entries()) {
      let calls = 0;
      const from = performance.now();
      while (performance.now() - from < 20) {
        for (let i = 0; i < 20; i++) if (!run()) throw new TypeError("a golden sample was refused");
        calls += 20;
      }
      const ns = (1e6 * (performance.now() - from)) / calls;
      least[at] = Math.min(least[at] ?? ns, ns);
    }
  }
  return least;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.stdout.write(`${JSON.stringify({ schemaCheck: benchSchemas() })}\n`);
}

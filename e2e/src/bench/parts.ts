import { benchSchemas } from "@outrider/contracts/codec.bench";
import { tempDir } from "@outrider/testing/temp-dir";
import { Commits } from "./commits.js";
import { hostMs } from "./machine.js";
import { figure, table } from "./markdown.js";
import { median } from "./statistics.js";

export interface PartsPlan {
  readonly rounds: number;
}

const WRITERS = 50;

/** What checks of payloads and shared commits save. */
export async function measureParts(plan: PartsPlan): Promise<string> {
  const schemas = benchSchemas(plan.rounds + 3).map((one) => [
    `\`${one.payload}\``,
    figure(one.bytes),
    figure(one.schemaNs / 1000),
    figure(one.decoratorsNs / 1000),
    `${one.decoratorsPerSchema} ×`,
    figure(one.decodeNs / 1000),
  ]);
  const head = ["payload", "bytes", "schema µs", "decorators µs", "ratio", "whole decode µs"];
  return [
    "The compiled schema against the class-validator decorators that it is compiled from:",
    "",
    table(head, schemas),
    "",
    await groupCommit(plan.rounds),
  ].join("\n");
}

/** The same number of rows, written one after another and all at once. */
async function groupCommit(rounds: number): Promise<string> {
  await using folder = await tempDir("bench-");
  await using commits = await Commits.open(folder.path);
  const ratios: number[] = [];
  const inTurnMs: number[] = [];
  const atOnceMs: number[] = [];
  let flushes = 0;
  for (let round = 0; round <= rounds; round++) {
    const inTurn = await took(() => commits.inTurn(WRITERS));
    const before = commits.flushes;
    const atOnce = await took(() => commits.burst(WRITERS));
    if (round === 0) continue;
    flushes += commits.flushes - before;
    inTurnMs.push(inTurn);
    atOnceMs.push(atOnce);
    ratios.push(inTurn / atOnce);
  }
  const rows = [
    ["one after another", figure(median(inTurnMs)), String(WRITERS), "1"],
    ["at once", figure(median(atOnceMs)), figure(flushes / rounds), figure(1 / median(ratios))],
  ];
  return `${WRITERS} writers of one row each:\n\n${table(["writers", "ms for all", "flushes", "ratio"], rows)}`;
}

async function took(work: () => Promise<unknown>): Promise<number> {
  const startMs = hostMs();
  await work();
  return hostMs() - startMs;
}

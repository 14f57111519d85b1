/** Program: measures, prints and writes docs/performance.md. `quick` takes a minute and writes nothing. */
import { readFile, writeFile } from "node:fs/promises";
import { Deployment } from "../deployment.js";
import { measureCommandPath } from "./command-path.js";
import { load, machine } from "./machine.js";
import { replaceResults } from "./markdown.js";
import { FULL, QUICK, type Plan } from "./plan.js";

const DOCUMENT = new URL("../../../docs/performance.md", import.meta.url);

async function measure(plan: Plan): Promise<string> {
  const loadBefore = load();
  const sections: string[] = [];
  {
    const ids = Array.from({ length: 50 }, (_, index) => index + 1);
    await using lab = await Deployment.start({
      rack: ids.map(() => "normal"),
      nodes: Object.fromEntries(ids.map((slot) => [`n${slot}`, { rack: slot, sampling: "5s" }])),
    });
    // A listener that nobody needs here would be served with everything.
    await lab.bus[Symbol.asyncDispose]();
    sections.push(`## A power command\n\n${await measureCommandPath(lab, plan.commandPath)}`);
  }
  const about = `Measured on ${machine()}. Load before and after: ${loadBefore}, ${load()}.`;
  return [about, ...sections].join("\n\n");
}

const quick = process.argv.includes("quick");
const startMs = performance.now();
const results = await measure(quick ? QUICK : FULL);
const tookS = Math.round((performance.now() - startMs) / 1000);
process.stdout.write(`${results}\n\n${tookS} s\n`);
if (!quick) await writeFile(DOCUMENT, replaceResults(await readFile(DOCUMENT, "utf8"), results));

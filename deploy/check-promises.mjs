// Each promise of docs/promises.md is borne by number in the tests that it names.
import { globSync, readFileSync } from "node:fs";

const problems = [];
for (const line of readFileSync("docs/promises.md", "utf8").split("\n")) {
  const [, promise, files] = /^\| (P\d+) \|[^|]*\|([^|]*)\|$/.exec(line) ?? [];
  if (!promise) continue;
  for (const [, pattern] of files.matchAll(/`([^`]+)`/g)) {
    const found = globSync(pattern);
    if (found.length === 0) problems.push(`${promise}: there is no ${pattern}`);
    else if (
      !found.some((file) => new RegExp(`\\b${promise}\\b`).test(readFileSync(file, "utf8")))
    ) {
      problems.push(`${promise}: no test in ${pattern} bears the number`);
    }
  }
}
for (const problem of problems) console.error(`docs/promises.md: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;

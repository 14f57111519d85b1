import { writeSync } from "node:fs";
import { declareFailpoints, failpoint } from "../failpoint.js";

/** A process with two points: passes `one` and `two` three times each, saying so after each passage. */
const [, , undeclared] = process.argv;
declareFailpoints(["child.one", "child.two"]);
for (let passage = 1; passage <= 3; passage += 1) {
  failpoint("child.one");
  writeSync(1, `one ${passage}\n`);
  failpoint("child.two");
  writeSync(1, `two ${passage}\n`);
}
if (undeclared !== undefined) failpoint(undeclared);
writeSync(1, "end\n");

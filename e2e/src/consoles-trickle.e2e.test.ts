import { consoleState } from "@outrider/contracts/console";
import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allUp, judged } from "./consoles/judged.js";
import { Lines, nodeOf } from "./consoles/lines.js";
import { Deployment } from "./deployment.js";
import type { Rest } from "./fleet/rest.js";
import { watched } from "./watched.js";

/** A link that lets next to nothing through, and then nothing at all without being closed. */

const COUNT = 48;
const LIMIT_MS = 90_000;

let lines: Lines;
let lab: Deployment;
let rest: Rest;

/** How far the streams have come, all together. */
async function offset(): Promise<number> {
  const reports = await lines.sender.report();
  return reports.reduce((sum, report) => sum + report.offset, 0);
}

describe.skipIf(!hasMosquittoClients())("48 consoles that talk over a bad link", () => {
  beforeAll(async () => {
    lines = await Lines.start(COUNT, () => ({ bytesPerSecond: 4000 }));
    lab = await Deployment.start({ nodes: lines.nodes(), gateway: true, cuttableLink: true });
    await allUp(lab, lines);
    rest = await lab.rest();
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await lines?.[Symbol.asyncDispose]();
  });
  watched(() => lab);
  beforeRetry(() => lines.sender.stop());

  test("lose nothing while it trickles and then stands still until nobody believes in it (P8)", async () => {
    const mark = lab.bus.mark();
    await lines.sender.start();
    const before = await offset();
    lab.link.trickle(40);
    const said = async (): Promise<boolean> => (await offset()) - before > 500_000;
    await eventually("more is said than comes through", said, { withinMs: LIMIT_MS });
    // It is a slow link to both, and no broken one.
    for (let line = 0; line < COUNT; line++) {
      const node = nodeOf(line);
      expect(lab.bus.last(consoleState, { node }, mark)?.link.value ?? "Up").toBe("Up");
    }
    lab.link.heal();
    lab.link.hold("both");
    const unheard = ({ link }: { link: { value: string } }): boolean => link.value === "Unknown";
    await lab.bus.next(consoleState, { node: nodeOf(0) }, unheard, mark);
    await lines.sender.stop();
    const healed = lab.bus.mark();
    lab.link.heal();
    await allUp(lab, lines, healed);
    await judged(rest, lines, ({ gaps }) => gaps.length === 0);
  });
});

import { consoleState } from "@outrider/contracts/console";
import { eventually } from "@outrider/testing/eventually";
import { expect } from "vitest";
import type { Deployment } from "../deployment.js";
import type { Rest } from "../fleet/rest.js";
import { nodeOf, type Lines } from "./lines.js";
import { exported, sentBy, wrongWith, type Logged } from "./log-judge.js";

/** Far above what anything here takes, because the machine may be busy. */
const LIMIT_MS = 90_000;

/** Waits until the service reaches every line. @param after a mark of the bus */
export async function allUp(lab: Deployment, { count }: Lines, after = 0): Promise<void> {
  for (let line = 0; line < count; line++) {
    const node = nodeOf(line);
    await lab.bus.next(consoleState, { node }, ({ link }) => link.value === "Up", after);
  }
}

/** Every log is what its line has sent, by the line's own count, except where it says otherwise. The lines must be stopped. */
export async function judged(
  rest: Rest,
  lines: Lines,
  gapsAreRight: (logged: Logged, line: number, sent: Buffer) => boolean,
): Promise<void> {
  const sent = await sentBy(lines);
  for (const [line, { offset }] of (await lines.sender.report()).entries()) {
    // What a line had no room for while nobody read it is not the log's affair, but must not be most of it.
    expect(sent[line]?.length).toBeGreaterThanOrEqual(offset / 2);
  }
  for (const [line, bytes] of sent.entries()) {
    const logged = await eventually(
      `the log of line ${line} is what was sent`,
      async () => {
        const all = await exported(rest, line);
        const wrong = wrongWith(all, bytes);
        if (wrong !== undefined) {
          throw new Error(
            `${wrong} (${all.bytes.length} of ${bytes.length}, gaps: ${JSON.stringify(all.gaps)})`,
          );
        }
        return all;
      },
      // Each look reads the whole log.
      { withinMs: LIMIT_MS, everyMs: 300 },
    );
    const right = gapsAreRight(logged, line, bytes);
    expect({ line, gaps: logged.gaps, right }).toMatchObject({ right: true });
  }
}

import type { Lock } from "@outrider/contracts/lock";
import type { TransitionList } from "@outrider/contracts/transition";
import { beforeRetry } from "@outrider/testing/before-retry";
import { beforeEach } from "vitest";
import type { Fleet } from "./fleet.js";
import { begin, ended } from "./transitions.js";

/** How the tests of a suite begin. */
export interface Beginning {
  /** What every supply is. Default: whatever it is. */
  readonly supplies?: "On" | "Off";
}

/**
 * For every test of the suite: when it fails, what all parts said is shown, and before it is tried again every part runs,
 * no transition goes on, the operator holds no lock, and the supplies are as tests begin.
 */
export function watchedFleet(fleet: () => Fleet, beginning: Beginning = {}): void {
  beforeRetry(() => afresh(fleet(), beginning));
  beforeEach(({ onTestFailed }) => {
    onTestFailed(() => {
      process.stderr.write(`${fleet().lastWords()}\n`);
    });
  });
}

async function afresh(fleet: Fleet, { supplies }: Beginning): Promise<void> {
  await fleet.running();
  const { rest } = fleet;
  const { transitions } = await rest.get<TransitionList>("/transitions?active=true");
  for (const { id } of transitions) {
    await rest.delete(`/transitions/${id}`);
    await ended(rest, id);
  }
  const { locks } = await rest.get<{ locks: readonly Lock[] }>("/locks");
  // Those of others are not the operator's to release.
  for (const { id } of locks) await rest.delete(`/locks/${id}`).catch(() => undefined);
  if (supplies === undefined) return;
  const action = supplies === "On" ? "On" : "ForceOff";
  await ended(rest, (await begin(rest, { action, nodes: "@all" })).id);
  await fleet.supplies(supplies);
}

import type { CommandReport } from "@outrider/contracts/agent";
import type { Clock } from "@outrider/contracts/clock";
import type { CommandId } from "@outrider/contracts/ids";

interface Answer {
  readonly report: CommandReport;
  /** When a repetition is certain to come too late; undefined while the command runs. */
  readonly forgetAtMs: number | undefined;
}

/** Clocks drift; a repetition may be taken for a little younger than it is. */
const MARGIN_MS = 5000;

/**
 * What was last said about each command of late: of every one that could still pass the gate, had it not been
 * answered before. `command-gate.ts` says why that is enough.
 */
export class Answers {
  readonly #answers = new Map<CommandId, Answer>();

  constructor(private readonly clock: Clock) {}

  get(id: CommandId): CommandReport | undefined {
    return this.#answers.get(id)?.report;
  }

  /** @param ttlMs the command's own: what was received now can start no later */
  set(report: CommandReport, ttlMs: number): void {
    const forgetAtMs = report.terminal ? this.clock.monotonicMs() + ttlMs + MARGIN_MS : undefined;
    this.#answers.set(report.id, { report, forgetAtMs });
  }

  /** Forgets what cannot be asked again. */
  sweep(): void {
    const nowMs = this.clock.monotonicMs();
    for (const [id, { forgetAtMs }] of this.#answers) {
      if (forgetAtMs !== undefined && forgetAtMs < nowMs) this.#answers.delete(id);
    }
  }
}

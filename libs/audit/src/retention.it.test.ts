import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@outrider/contracts/clock";
import { openStorage } from "@outrider/storage/open-storage";
import { expect, it } from "vitest";
import { AUDIT_KEPT_DAYS, AuditLog } from "./audit-log.js";
import { auditMigrations } from "./audit-migrations.js";

const DAY_MS = 86_400_000;
const on = (subject: string) =>
  ({ actor: "person:alice", via: "rest", act: "power.actuate", subject }) as const;

/** A clock whose calendar and monotonic time are set apart from each other, and that ticks when told to. */
class HandClock implements Clock {
  calendarMs = Date.parse("2026-01-01T00:00:00.000Z");
  passedMs = 0;
  readonly #runs = new Set<() => void>();

  now = (): Date => new Date(this.calendarMs);
  monotonicMs = (): number => this.passedMs;
  sleep = (): Promise<void> => Promise.reject(new Error("nothing here sleeps"));
  every(_span: number, run: () => void): () => void {
    this.#runs.add(run);
    return () => this.#runs.delete(run);
  }
  pass(days: number): void {
    this.passedMs += days * DAY_MS;
    this.calendarMs += days * DAY_MS;
  }
  tick(): void {
    for (const run of this.#runs) run();
  }
}

async function withLog(
  run: (log: AuditLog, clock: HandClock, subjects: () => Promise<string[]>) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "outrider-audit-"));
  try {
    await using storage = await openStorage({
      file: join(folder, "power.sqlite"),
      migrations: [auditMigrations("power")],
    });
    const clock = new HandClock();
    const log = await AuditLog.open({ storage, log: "power", clock });
    await run(log, clock, async () => {
      // Closing waits for what is under way.
      clock.tick();
      await log.close();
      expect(await log.verify()).toMatchObject({ intact: true });
      return (await log.search({})).records.map(({ act, subject }) => `${act} ${subject}`);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

it("old records are taken out by themselves, and the rest is still proven", () =>
  withLog(async (log, clock, subjects) => {
    await log.append(on("n1"));
    clock.pass(2);
    await log.append(on("n2"));
    clock.pass(AUDIT_KEPT_DAYS - 1);
    await log.append(on("n3"));
    expect(await subjects()).toEqual(["audit.prune power", "power.actuate n3", "power.actuate n2"]);
  }));

it("a calendar that has jumped ahead takes out nothing", () =>
  withLog(async (log, clock, subjects) => {
    await log.append(on("n1"));
    clock.passedMs += DAY_MS;
    clock.calendarMs += 20 * 365 * DAY_MS;
    expect(await subjects()).toEqual(["power.actuate n1"]);
  }));

import type { StatementSync } from "node:sqlite";
import { StorageError } from "../storage-error.js";
import type { StatementResult } from "../storage.js";
import type { Connection } from "./connection.js";
import type { BoundTransaction, GroupResult, Outcome } from "../transaction.js";
import { failureOf } from "./sqlite-failure.js";

/** Runs groups of transactions, each group under one COMMIT and so one fsync. */
export class GroupCommit {
  readonly #connection: Connection;
  readonly #file: string;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #savepoint: StatementSync;
  readonly #release: StatementSync;
  readonly #rollbackTo: StatementSync;
  /** A COMMIT failed in the disk: the log may end in a transaction that nobody was promised. */
  #logSuspect = false;

  constructor(connection: Connection, file: string) {
    const { db } = connection;
    this.#connection = connection;
    this.#file = file;
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#rollback = db.prepare("ROLLBACK");
    this.#savepoint = db.prepare("SAVEPOINT one");
    this.#release = db.prepare("RELEASE one");
    this.#rollbackTo = db.prepare("ROLLBACK TO one");
  }

  /** Applies the transactions in order. Returns after the fsync; what a disk or a rule does to them is in the outcomes. */
  run(group: readonly BoundTransaction[]): GroupResult {
    try {
      if (this.#logSuspect) this.#mendLog();
      this.#begin.run();
    } catch (error) {
      return this.#allFailed(group, error);
    }
    const outcomes: Outcome[] = [];
    try {
      for (const transaction of group) {
        const outcome = this.#one(transaction);
        // SQLite ended more than the transaction: nothing of the group is left.
        if (!this.#connection.db.isTransaction)
          return group.length === 1 ? { outcomes: [outcome], commits: 0 } : this.#oneByOne(group);
        outcomes.push(outcome);
      }
    } catch (error) {
      this.#giveUp();
      return this.#allFailed(group, error);
    }
    return this.#finish(group, outcomes);
  }

  #one(transaction: BoundTransaction): Outcome {
    this.#savepoint.run();
    let statement = 0;
    try {
      const results: StatementResult[] = [];
      for (const bound of transaction) {
        const result = this.#connection.run(bound);
        if (bound.expectChanges !== undefined && result.changes !== bound.expectChanges) {
          throw new StorageError(
            "precondition",
            `statement ${statement} changed ${result.changes} rows, not ${bound.expectChanges}`,
          );
        }
        results.push(result);
        statement += 1;
      }
      this.#release.run();
      return { results };
    } catch (error) {
      const failure = { ...failureOf(error, this.#file), statement };
      if (this.#connection.db.isTransaction) {
        this.#rollbackTo.run();
        this.#release.run();
      }
      return { failure };
    }
  }

  #finish(group: readonly BoundTransaction[], outcomes: Outcome[]): GroupResult {
    const applied = outcomes.flatMap((outcome) => ("results" in outcome ? outcome.results : []));
    if (outcomes.every((outcome) => "failure" in outcome)) {
      this.#giveUp();
      return { outcomes, commits: 0 };
    }
    try {
      this.#commit.run();
    } catch (error) {
      this.#giveUp();
      const failure = failureOf(error, this.#file);
      // A deferred foreign key speaks up only now, and does not say whose it is.
      if (failure.code === "constraint" && group.length > 1) return this.#oneByOne(group);
      if (failure.code === "io") this.#suspectLog();
      return {
        outcomes: outcomes.map((outcome) => ("failure" in outcome ? outcome : { failure })),
        commits: 0,
      };
    }
    return { outcomes, commits: applied.some((result) => result.changes > 0) ? 1 : 0 };
  }

  /** Nothing of the group is applied and nobody has been told: run each again, alone, so that only the guilty one fails. */
  #oneByOne(group: readonly BoundTransaction[]): GroupResult {
    const alone = group.map((transaction) => this.run([transaction]));
    return {
      outcomes: alone.flatMap((result) => result.outcomes),
      commits: alone.reduce((sum, result) => sum + result.commits, 0),
    };
  }

  #allFailed(group: readonly BoundTransaction[], error: unknown): GroupResult {
    const failure = failureOf(error, this.#file);
    return { outcomes: group.map(() => ({ failure })), commits: 0 };
  }

  #giveUp(): void {
    if (this.#connection.db.isTransaction) this.#rollback.run();
  }

  #suspectLog(): void {
    this.#logSuspect = true;
    try {
      this.#mendLog();
    } catch {
      // The next group tries again before it begins.
    }
  }

  /**
   * Frames of a COMMIT whose write or fsync failed are invisible now, but a recovery after a crash could take them for
   * committed. Emptying the log makes the rejection final. @throws what SQLite says while the disk still fails.
   */
  #mendLog(): void {
    const result = this.#connection.db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    if (result?.["busy"] !== 0)
      throw new StorageError("io", `the log of ${this.#file} cannot be emptied after a disk error`);
    this.#logSuspect = false;
  }
}

import { StorageError } from "../storage-error.js";
import type { LeaseToken, StatementResult } from "../storage.js";
import type { BoundStatement, BoundTransaction, GroupResult, Outcome } from "../transaction.js";
import { toPostgres } from "./dialect.js";
import { failureOf, sqlState } from "./postgres-failure.js";
import type { ServerConnection } from "./server.js";

/** The connection went away; whether the group is applied depends on {@link committing}. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";

  constructor(
    /** What the outcomes are if the commit was done; undefined when it had not been asked for. */
    readonly committing: GroupResult | undefined,
    cause: unknown,
  ) {
    super("the connection was lost", { cause });
  }
}

export interface GroupOptions {
  readonly place: string;
  /** Id of the row of outrider_writer, and the number that this group leaves there. */
  readonly writer: string;
  readonly number: number;
  /** Key of the lock that makes writers of the same tables take turns, as SQLite does. */
  readonly turn: string;
  readonly lease: LeaseToken | undefined;
}

/**
 * Applies a group of transactions, in order, under one COMMIT: each within a savepoint of its own, its statements sent
 * without waiting for one another. The last group's number and the lease are part of the same transaction.
 * @returns `one-by-one` when nothing is applied and it cannot be told who is to blame: run each alone
 * @throws ConnectionLost
 */
export async function commitGroup(
  connection: ServerConnection,
  group: readonly BoundTransaction[],
  options: GroupOptions,
): Promise<GroupResult | "one-by-one"> {
  let finished: GroupResult | undefined;
  try {
    const head = begin(connection, options);
    // It is looked at with the first transaction, which is sent right behind it.
    head.catch(() => undefined);
    const outcomes: Outcome[] = [];
    for (const transaction of group) {
      const applied = one(connection, transaction, options.place);
      // What the head says explains what the first transaction met.
      if (outcomes.length === 0) await afterBoth(head, applied);
      outcomes.push(await applied);
    }
    if (outcomes.every((outcome) => "failure" in outcome)) {
      await connection.client.query("ROLLBACK");
      return { outcomes, commits: 0 };
    }
    const changed = outcomes.some(
      (outcome) => "results" in outcome && outcome.results.some(({ changes }) => changes > 0),
    );
    finished = { outcomes, commits: changed ? 1 : 0 };
    await connection.client.query("COMMIT");
    return finished;
  } catch (error) {
    if (isLost(connection, error)) {
      connection.drop();
      throw new ConnectionLost(finished, error);
    }
    await connection.client.query("ROLLBACK").catch(() => connection.drop());
    // A deferred foreign key speaks up only in the commit, and does not say whose it is.
    if (sqlState(error)?.startsWith("23") && group.length > 1) return "one-by-one";
    const failure = failureOf(error, options.place);
    return {
      outcomes: (finished?.outcomes ?? group).map((each) =>
        typeof each === "object" && "failure" in each ? each : { failure },
      ),
      commits: 0,
    };
  }
}

async function begin(
  { client }: ServerConnection,
  { writer, number, turn, lease, place }: GroupOptions,
): Promise<void> {
  const marks = `SELECT pg_advisory_xact_lock(${turn});
    UPDATE outrider_writer SET commits = ${number}, at = now() WHERE id = '${writer}'`;
  if (!lease) {
    await client.query(`BEGIN; ${marks}`);
    return;
  }
  // Locked until the commit: nobody takes over in between.
  const mine = `SELECT 1 FROM outrider_lease WHERE name = '${lease.name}' AND epoch = ${lease.epoch} FOR SHARE`;
  const results: unknown = await client.query(`BEGIN; ${mine}; ${marks}`);
  const found = Array.isArray(results) ? (results[1] as { rowCount: number }).rowCount : 0;
  if (found !== 1) {
    throw new StorageError(
      "held",
      `another instance of ${lease.name} has taken over in ${place}; this one writes nothing any more and must end`,
    );
  }
}

async function one(
  { client }: ServerConnection,
  transaction: BoundTransaction,
  place: string,
): Promise<Outcome> {
  const savepoint = client.query("SAVEPOINT one");
  const sent = transaction.map((bound) => run(client, bound));
  const [, ...settled] = await Promise.allSettled([savepoint, ...sent]);
  const results: StatementResult[] = [];
  for (const [index, result] of settled.entries()) {
    const failure =
      result.status === "rejected"
        ? failureOf(result.reason, place)
        : unexpected(transaction[index], result.value, index);
    if (failure) {
      // The connection is the group's matter.
      if (failure.code === "unreachable") throw (result as PromiseRejectedResult).reason;
      await client.query("ROLLBACK TO one; RELEASE one");
      return { failure: { ...failure, statement: index } };
    }
    if (result.status === "fulfilled") results.push(result.value);
  }
  await client.query("RELEASE one");
  return { results };
}

async function run(
  client: ServerConnection["client"],
  bound: BoundStatement,
): Promise<StatementResult> {
  const { command, rowCount, rows } = await client.query(toPostgres(bound.sql, bound.params));
  return {
    changes: command === "SELECT" ? 0 : (rowCount ?? 0),
    rows: rows as StatementResult["rows"],
  };
}

function unexpected(
  bound: BoundStatement | undefined,
  { changes }: StatementResult,
  index: number,
): { readonly code: "precondition"; readonly message: string } | undefined {
  const expected = bound?.expectChanges;
  if (expected === undefined || changes === expected) return undefined;
  return {
    code: "precondition",
    message: `statement ${index} changed ${changes} rows, not ${expected}`,
  };
}

/** Waits for both, so that nothing is under way any more. @throws what the first one is rejected with */
async function afterBoth(first: Promise<void>, second: Promise<unknown>): Promise<void> {
  await Promise.allSettled([first, second]);
  await first;
}

function isLost(connection: ServerConnection, error: unknown): boolean {
  return connection.lost || failureOf(error, "").code === "unreachable";
}

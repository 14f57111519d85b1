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
 * Applies a group of transactions, in order, under one COMMIT. The last group's number and the lease are part of the same transaction.
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
    const outcomes =
      (await together(connection, group, options)) ?? (await apart(connection, group, options));
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

/**
 * Sends the whole group without waiting and without savepoints: nearly always nothing fails.
 * @returns undefined when something did; the transaction is rolled back then
 */
async function together(
  connection: ServerConnection,
  group: readonly BoundTransaction[],
  options: GroupOptions,
): Promise<Outcome[] | undefined> {
  const { client } = connection;
  const head = begin(connection, options);
  const sent = group.map((transaction) => transaction.map((bound) => run(client, bound)));
  await Promise.allSettled([head, ...sent.flat()]);
  await head;
  const outcomes: Outcome[] = [];
  for (const [index, transaction] of sent.entries()) {
    const outcome = outcomeOf(group[index] ?? [], await Promise.allSettled(transaction), options);
    if ("failure" in outcome) {
      await client.query("ROLLBACK");
      return undefined;
    }
    outcomes.push(outcome);
  }
  return outcomes;
}

/** Each within a savepoint of its own, so that one that fails takes no other with it. */
async function apart(
  connection: ServerConnection,
  group: readonly BoundTransaction[],
  options: GroupOptions,
): Promise<Outcome[]> {
  await begin(connection, options);
  const outcomes: Outcome[] = [];
  for (const transaction of group) outcomes.push(await one(connection, transaction, options));
  return outcomes;
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
  options: GroupOptions,
): Promise<Outcome> {
  const savepoint = client.query("SAVEPOINT one");
  const sent = transaction.map((bound) => run(client, bound));
  const [, ...settled] = await Promise.allSettled([savepoint, ...sent]);
  const outcome = outcomeOf(transaction, settled, options);
  await client.query("failure" in outcome ? "ROLLBACK TO one; RELEASE one" : "RELEASE one");
  return outcome;
}

/** @throws what a statement met when it was not its own fault, but the connection's */
function outcomeOf(
  transaction: BoundTransaction,
  settled: readonly PromiseSettledResult<StatementResult>[],
  { place }: GroupOptions,
): Outcome {
  const results: StatementResult[] = [];
  for (const [index, result] of settled.entries()) {
    const failure =
      result.status === "rejected"
        ? failureOf(result.reason, place)
        : unexpected(transaction[index], result.value, index);
    if (failure) {
      if (failure.code === "unreachable") throw (result as PromiseRejectedResult).reason;
      return { failure: { ...failure, statement: index } };
    }
    if (result.status === "fulfilled") results.push(result.value);
  }
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

function isLost(connection: ServerConnection, error: unknown): boolean {
  return connection.lost || failureOf(error, "").code === "unreachable";
}

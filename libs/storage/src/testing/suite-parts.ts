import { StorageError, type StorageErrorCode } from "../storage-error.js";
import type { Statement, Storage } from "../storage.js";

export function entry(id: number, word: string): Statement {
  return {
    sql: "INSERT INTO suite_entry (id, lane, step, word) VALUES (?, 0, ?, ?)",
    params: [id, id, word],
    expectChanges: 1,
  };
}

export function part(id: number, half: number): Statement {
  return { sql: "INSERT INTO suite_part (entry, half) VALUES (?, ?)", params: [id, half] };
}

export async function count(storage: Storage, table: string): Promise<number | undefined> {
  return (await storage.get<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`))?.n;
}

/** The error that it rejects with; what it resolves to is none. */
export async function failureOf(promise: Promise<unknown>): Promise<StorageError | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof StorageError) return error;
      throw error;
    },
  );
}

export async function codeOf(promise: Promise<unknown>): Promise<StorageErrorCode | "ok"> {
  return (await failureOf(promise))?.code ?? "ok";
}

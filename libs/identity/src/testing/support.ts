import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { milliseconds, type Clock } from "@outrider/contracts/clock";
import { IdentityStore } from "../identity-store.js";
import type { Log } from "../log.js";
import { openIdentity } from "../open-identity.js";

export interface Folder extends AsyncDisposable {
  readonly path: string;
}

export async function temporaryFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "outrider-identity-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export interface LogLine {
  readonly level: string;
  readonly [field: string]: unknown;
}

export function recordingLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push({ ...fields, level, message });
    };
  return { lines, info: at("info"), error: at("error") };
}

/** A clock that moves when it is told to, or when somebody sleeps. */
export class SteppingClock implements Clock {
  #ms = Date.parse("2026-01-01T00:00:00.000Z");
  /** What was slept, in milliseconds. */
  readonly slept: number[] = [];

  now(): Date {
    return new Date(this.#ms);
  }
  monotonicMs(): number {
    return this.#ms;
  }
  async sleep(span: number): Promise<void> {
    this.slept.push(span);
    this.advance(span);
  }
  every(): () => void {
    throw new Error("nothing here repeats");
  }
  advance(span: number): void {
    this.#ms += milliseconds(span);
  }
}

export interface StoreUnderTest extends AsyncDisposable {
  readonly path: string;
  readonly store: IdentityStore;
  readonly clock: SteppingClock;
}

export async function storeUnderTest(): Promise<StoreUnderTest> {
  const folder = await temporaryFolder();
  const clock = new SteppingClock();
  const identity = await openIdentity({ dataDirectory: folder.path }, { clock });
  return {
    path: folder.path,
    store: identity.store,
    clock,
    [Symbol.asyncDispose]: async () => {
      await identity.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

import { check, MAX_DEPTH, type Refusal } from "@outrider/contracts/codec";
import { readJson } from "@outrider/contracts/json-text";
import {
  agentReading,
  AgentReadings,
  DroppedReadings,
  EndpointReading,
} from "@outrider/contracts/reading-report";

/** What can be had of a batch that does not fit. */
export interface Salvaged {
  /** With the readings that can be read. Its time is none where that could not be read: it has no readings then. */
  readonly batch: AgentReadings;
  /** Whether its time is that of its agent. */
  readonly hasTime: boolean;
  /** Undefined: all of its readings are there, and only what stands beside them cannot be read. */
  readonly lost: LostReadings | undefined;
}

/** Readings that cannot be read; times are the agent's own, in RFC 3339. */
export interface LostReadings {
  /** At least: of a message that is none at all it is not known how many are in it. */
  readonly readings: number;
  readonly since: string;
  readonly until: string;
  /** What a person has to know. */
  readonly why: string;
}

/** A batch with more has not been made by any agent. */
const MOST_READINGS = 1000;
/** Of what is no JSON, or too much of it, so much is looked at: the head of a batch stands before its readings. */
const HEAD_BYTES = 1024;
const NUMBER = /^[1-9]\d{0,15}$/;

/**
 * The number of a batch that does not fit its contract, and what of it does, so that it does not hold up those behind
 * it. Pure; the work is bounded by the size of a message.
 * @param now RFC 3339, for what has no time of its own
 * @returns undefined where nobody knows which batch it is
 */
export function salvage(
  bytes: Uint8Array,
  { field, message }: Refusal,
  now: string,
): Salvaged | undefined {
  const { readings: all, ...head } = bodyOf(bytes) ?? headOf(bytes);
  const { v, epoch, seq, spool, oldest, at, dropped } = head;
  if (spool === undefined) return undefined;
  const isDropped = check(DroppedReadings, dropped, false).ok;
  const bare = {
    v,
    epoch,
    seq,
    spool,
    readings: [],
    ...(oldest === undefined ? {} : { oldest }),
    ...(isDropped ? { dropped } : {}),
  };
  const timed = check(AgentReadings, { ...bare, at }, false);
  const known = timed.ok ? timed : check(AgentReadings, { ...bare, at: now }, false);
  if (!known.ok) return undefined;
  const list: readonly unknown[] = Array.isArray(all) ? all : [];
  const looked = timed.ok ? list.slice(0, MOST_READINGS) : [];
  const readings = looked.flatMap((one) => {
    const read = check(EndpointReading, one, false);
    return read.ok ? [read.value] : [];
  });
  const kept = new Set<unknown>(readings);
  const times = list
    .slice(0, MOST_READINGS)
    .filter((one) => !kept.has(one))
    .map(timeOf)
    .filter((ms) => Number.isFinite(ms));
  const missing = Array.isArray(all) ? all.length - readings.length : 1;
  const count = missing + (isDropped ? 0 : countOf(dropped));
  const or = Date.parse(known.value.at);
  const what = `${field === "" ? "" : `${field} `}${message}`.slice(0, 200);
  return {
    batch: { ...known.value, readings },
    hasTime: timed.ok,
    lost:
      count === 0
        ? undefined
        : {
            readings: count,
            since: timestampOf(
              times.reduce((least, ms) => Math.min(least, ms), Infinity),
              or,
            ),
            until: timestampOf(
              times.reduce((most, ms) => Math.max(most, ms), -Infinity),
              or,
            ),
            why: `they cannot be read (${what}): the agent may be of another release than the telemetry service`,
          },
  };
}

type Head = Readonly<Record<string, unknown>>;

function bodyOf(bytes: Uint8Array): Head | undefined {
  if (bytes.byteLength > agentReading.maxBytes) return undefined;
  const read = readJson(Buffer.from(bytes).toString("utf8"), MAX_DEPTH);
  if ("problem" in read) return undefined;
  const { value } = read;
  return typeof value === "object" && value !== null ? (value as Head) : undefined;
}

function headOf(bytes: Uint8Array): Head {
  const text = Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString("latin1");
  const word = (name: string): string | undefined =>
    new RegExp(`"${name}"\\s{0,8}:\\s{0,8}"([^"\\\\]{1,64})"`).exec(text)?.[1];
  const number = (name: string): number | undefined => {
    const found = new RegExp(`"${name}"\\s{0,8}:\\s{0,8}(\\d{1,16})[\\s,}]`).exec(text)?.[1] ?? "";
    return NUMBER.test(found) ? Number(found) : undefined;
  };
  return {
    v: number("v"),
    epoch: word("epoch"),
    seq: number("seq"),
    spool: word("spool"),
    oldest: number("oldest"),
    at: word("at"),
  };
}

/** How many readings the agent itself had to drop, where no more than that can be read of what it says about it. */
function countOf(dropped: unknown): number {
  const count =
    typeof dropped === "object" && dropped !== null ? (dropped as Head)["readings"] : undefined;
  return Number.isSafeInteger(count) ? Math.max(0, Number(count)) : 0;
}

function timeOf(one: unknown): number {
  const at = typeof one === "object" && one !== null ? (one as Head)["at"] : undefined;
  return typeof at === "string" ? Date.parse(at) : Number.NaN;
}

function timestampOf(ms: number, otherwiseMs: number): string {
  return new Date(Number.isFinite(ms) ? ms : otherwiseMs).toISOString();
}

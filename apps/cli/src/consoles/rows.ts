import type { ConsoleSession, ConsoleState } from "@outrider/contracts/console";
import type { ConsoleCapture, RuleRecord, ScriptRun } from "@outrider/contracts/console-operations";
import { ageText, agoText, type Columns } from "../output.js";

/** A console as the gateway shows it. */
export interface ConsoleRow {
  readonly node: string;
  readonly name: string;
  readonly agent?: string;
  readonly driver?: string;
  readonly state?: ConsoleState & { readonly stale: boolean; readonly ageMs: number };
}

export interface BootRow {
  readonly boot: number;
  readonly at: string;
  readonly until: string;
  readonly line: number;
  readonly bytes: number;
  readonly stages: readonly string[];
}

/** A stale value is never shown as if it were fresh (P9). */
export const CONSOLES: Columns<ConsoleRow> = {
  things: "consoles",
  head: ["NODE", "LINK", "STAGE", "WRITER", "VIEWERS", "LAST BYTE", "BOOT", "DRIVER", "NOTE"],
  name: ({ node }) => node,
  row: ({ node, driver, state }) => [
    node,
    fresh(state, state?.link.value),
    fresh(state, state?.stage.value),
    state?.writer ? `${state.writer.actor} (${state.writer.way})` : "-",
    String(state?.viewers ?? "-"),
    agoText(state?.lastByteAt, new Date()) || "-",
    String(state?.boot ?? "-"),
    driver ?? "-",
    [
      state?.link.detail,
      state?.line
        ? `the line has ${state.line.present}, the site says ${state.line.declared}`
        : undefined,
      state?.logProblem,
      state?.lostBytes ? `${state.lostBytes} bytes are missing from the log` : undefined,
    ]
      .filter((text) => text !== undefined)
      .join("; "),
  ],
};

function fresh(state: ConsoleRow["state"], value: string | undefined): string {
  if (!state || value === undefined) return "never heard";
  return state.stale ? `stale (was ${value})` : value;
}

export const SESSIONS: Columns<ConsoleSession> = {
  things: "people at consoles",
  head: ["NODE", "WHO", "WAY", "TYPES", "IDLE", "SINCE", "FROM", "SESSION"],
  name: ({ id }) => id,
  row: ({ node, actor, way, writes, idleMs, since, from, id }) => [
    node,
    actor,
    way,
    writes ? "yes" : "no",
    ageText(idleMs),
    agoText(since, new Date()),
    from ?? "-",
    id,
  ],
};

export const BOOTS: Columns<BootRow> = {
  things: "boots in the log",
  head: ["BOOT", "AT", "LASTED", "LINE", "BYTES", "CAME TO"],
  name: ({ boot }) => String(boot),
  row: ({ boot, at, until, line, bytes, stages }) => [
    String(boot),
    at,
    ageText(Date.parse(until) - Date.parse(at)),
    String(line),
    String(bytes),
    stages.join(" → ") || "-",
  ],
};

export const CAPTURES: Columns<ConsoleCapture> = {
  things: "captures",
  head: ["CAPTURE", "NODE", "AT", "RULE", "BYTES", "LINE"],
  name: ({ id }) => id,
  row: ({ id, node, at, rule, bytes, line }) => [id, node, at, rule, String(bytes), line],
};

export const RULES: Columns<RuleRecord> = {
  things: "rules that have matched",
  head: ["RULE", "NODE", "MATCHES", "LAST", "POWER ACTIONS", "NOTE"],
  name: ({ rule, node }) => `${rule}/${node}`,
  row: ({ rule, node, matches, lastMatchAt, powerActions, latched, detail }) => [
    rule,
    node,
    String(matches),
    agoText(lastMatchAt, new Date()) || "-",
    String(powerActions),
    [latched ? "acts on power no more; `outrider console rules clear` lets it" : "", detail ?? ""]
      .filter((text) => text !== "")
      .join("; "),
  ],
};

export const RUNS: Columns<ScriptRun> = {
  things: "script runs",
  head: ["RUN", "NODE", "STATE", "LINE", "ACTOR", "AGE", "DETAIL"],
  name: ({ id }) => id,
  row: ({ id, node, state, line, actor, startedAt, detail }) => [
    id,
    node,
    state,
    String(line),
    actor,
    agoText(startedAt, new Date()),
    detail ?? "",
  ],
};

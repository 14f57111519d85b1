import type { NodeDescription, NodeStatus } from "@outrider/contracts/node";
import type { PowerState } from "@outrider/contracts/power";
import { plain, table } from "./plain.js";

/** What the bus says of one node. */
export interface NodeView {
  readonly node: string;
  readonly description?: NodeDescription | undefined;
  readonly status?: NodeStatus | undefined;
  readonly power?: PowerState | undefined;
}

const HEAD = ["NODE", "SUPPLY", "HOST", "EVIDENCE", "AGE", "LAST COMMAND", "NOTE"];

/** Whether a value is older than whoever measured it allows. */
export function isStale(
  value: { readonly observedAt: string; readonly staleAfterMs: number },
  now: Date,
): boolean {
  return now.getTime() > Date.parse(value.observedAt) + value.staleAfterMs;
}

/** A table of nodes. A stale value is never shown as if it were fresh. */
export function nodeTable(nodes: readonly NodeView[], now: Date): string {
  const rows = nodes.map((view) => row(view, now).map(plain));
  // A column without content says nothing.
  const width = rows.some((cells) => cells.at(-1) !== "") ? HEAD.length : HEAD.length - 1;
  return table([HEAD, ...rows].map((cells) => cells.slice(0, width)));
}

function row({ node, status, power }: NodeView, now: Date): string[] {
  const note = [
    status?.management === "Unavailable" ? "cannot be managed now" : "",
    power?.fault === undefined ? "" : `fault: ${power.fault}`,
  ];
  const notes = note.filter((text) => text !== "").join("; ");
  if (!power) return [node, "-", "-", "-", "-", "-", notes];
  const { supply, host, lastCommand } = power;
  return [
    node,
    shown(supply, now),
    shown(host, now),
    supply.evidence === host.evidence ? supply.evidence : `${supply.evidence}, ${host.evidence}`,
    ageText(now.getTime() - Date.parse(supply.observedAt)),
    lastCommand ? `${lastCommand.action} ${lastCommand.status}` : "-",
    notes,
  ];
}

function shown(
  value: { readonly value: string; readonly observedAt: string; readonly staleAfterMs: number },
  now: Date,
): string {
  return isStale(value, now) ? `stale (was ${value.value})` : value.value;
}

/** `3s`, `5m`, `2h`, `4d`; a clock ahead of ours makes nothing younger than now. */
export function ageText(ageMs: number): string {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
  ] as const;
  const unit = units.find(([, ms]) => ageMs >= ms);
  return unit
    ? `${Math.floor(ageMs / unit[1])}${unit[0]}`
    : `${Math.max(0, Math.floor(ageMs / 1000))}s`;
}

/** The same for programs: the documents as they are, and what is stale. */
export function nodesJson(nodes: readonly NodeView[], now: Date): object[] {
  return nodes.map(({ node, description, status, power }) => ({
    node,
    ...(description ? { description } : {}),
    ...(status ? { status: { ...status, stale: isStale(status, now) } } : {}),
    ...(power
      ? {
          power: {
            ...power,
            supply: { ...power.supply, stale: isStale(power.supply, now) },
            host: { ...power.host, stale: isStale(power.host, now) },
          },
        }
      : {}),
  }));
}

import type { ConsoleState } from "@outrider/contracts/console";
import type { NodeLock } from "@outrider/contracts/lock";
import type { LastCommand } from "@outrider/contracts/power";
import type { AlarmState } from "@outrider/contracts/telemetry";
import { ageText, type Columns } from "./output.js";

interface Aged {
  readonly value: string;
  readonly evidence: string;
  readonly ageMs: number;
  readonly stale: boolean;
}

/** A node as the gateway shows it, as far as it is shown here. */
export interface NodeView {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly supportedActions: readonly string[];
  /** Missing from a gateway that does not say it. */
  readonly interfaceKinds?: readonly string[];
  readonly supply?: Aged;
  readonly host?: Aged;
  readonly status?: { readonly management: string; readonly stale: boolean };
  readonly lastCommand?: LastCommand;
  readonly fault?: string;
  /** Why supply or host is not known, or what is wrong beside. */
  readonly problem?: string;
  readonly lock?: NodeLock;
  readonly console?: ConsoleState & { readonly stale: boolean };
  /** Those that stand, the worst first. */
  readonly alarms?: readonly Pick<AlarmState, "id" | "severity">[];
}

/** Nodes with what was measured. A stale value is never shown as if it were fresh (P9). */
export const NODE_COLUMNS: Columns<NodeView> = {
  things: "nodes",
  head: ["NODE", "SUPPLY", "HOST", "EVIDENCE", "AGE", "LAST COMMAND", "ROLES", "NOTE"],
  name: ({ id }) => id,
  row: (node) => {
    const { id, supply, host, lastCommand, roles } = node;
    return [
      id,
      shown(supply),
      shown(host),
      evidence(supply, host),
      supply ? ageText(supply.ageMs) : "-",
      lastCommand ? `${lastCommand.action} ${lastCommand.status}` : "-",
      roles.join(",") || "-",
      notes(node),
    ];
  },
};

/** What a node is switched by. */
const SWITCHES: ReadonlySet<string> = new Set(["power", "reset", "button"]);

/** Whether it has a console, and nothing that could switch it: not a fault, but how it is. */
export function isConsoleOnly({ interfaceKinds = [] }: NodeView): boolean {
  return interfaceKinds.includes("console") && !interfaceKinds.some((kind) => SWITCHES.has(kind));
}

/** Whether something should be able to switch it and cannot now. */
export function isUnavailable(node: NodeView): boolean {
  return node.status?.management === "Unavailable" && !isConsoleOnly(node);
}

/** What is wrong with its supply, as long as that is not too old to be relied on. */
export function problemOf({ supply, problem }: NodeView): string | undefined {
  return supply?.stale ? undefined : problem;
}

function notes(node: NodeView): string {
  const { fault, lock } = node;
  return [
    isConsoleOnly(node) ? "console only" : "",
    isUnavailable(node) ? "cannot be managed now" : "",
    problemOf(node) ?? "",
    lock?.held ? `locked by ${lock.held.holder}` : "",
    fault === undefined ? "" : `fault: ${fault}`,
    alarmsText(node),
  ]
    .filter((text) => text !== "")
    .join("; ");
}

const ALARMS_SHOWN = 3;

/** The worst of them. */
function alarmsText({ alarms = [] }: NodeView): string {
  const [worst] = alarms;
  if (!worst) return "";
  const ids = alarms.slice(0, ALARMS_SHOWN).map(({ id }) => id);
  const more = alarms.length - ids.length;
  return `${worst.severity}: ${ids.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function shown(value: Aged | undefined): string {
  if (!value) return "-";
  return value.stale ? `stale (was ${value.value})` : value.value;
}

function evidence(supply: Aged | undefined, host: Aged | undefined): string {
  if (!supply || !host) return "-";
  return supply.evidence === host.evidence
    ? supply.evidence
    : `${supply.evidence}, ${host.evidence}`;
}

import { planLadder, type Step } from "@outrider/contracts/ladder";
import type { NodeId } from "@outrider/contracts/ids";
import { foldNodes } from "@outrider/contracts/node-set";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { PlannedGroup, TransitionPlan } from "@outrider/contracts/transition";
import type { PowerDomain } from "@outrider/contracts/fleet";
import type { KnownNode } from "../admission.js";
import { takesDown } from "../interlocks.js";
import { startsSupply } from "../run.js";
import { bringsUp, type Order } from "./task.js";
import { cutFolded } from "./transition-form.js";

interface Refusal {
  readonly reasonCode: ReasonCode;
  readonly detail: string;
}

/** What is known of the nodes of a transition that is not made. */
export interface PlanView {
  known(node: NodeId): KnownNode | undefined;
  locked(node: NodeId): Refusal | undefined;
  busy(node: NodeId): Refusal | undefined;
  /** @param going nodes that go down before, in the same transition */
  interlocked(node: NodeId, going: ReadonlySet<NodeId>): Refusal | undefined;
  /** Why the node's power domain could never have room for its start. */
  noRoom(node: NodeId): Refusal | undefined;
  drainRoles(node: NodeId): readonly string[];
  domain(node: NodeId): { readonly id: string; readonly domain: PowerDomain } | undefined;
}

type Planned = Pick<PlannedGroup, "outcome" | "reasonCode" | "detail">;

/** So many that all of them fit into a message with what each has room for. */
const MAX_GROUPS = 200;
/** All groups together have this much room, in characters. */
const MAX_FOLDED = 30_000;
const NOBODY: ReadonlySet<NodeId> = new Set();

/** What a transition would do, as things stand now. Pure. */
export function planTransition(
  order: Pick<
    Order,
    "action" | "escalate" | "expect" | "override" | "skipDrain" | "staggerMs" | "parallel"
  >,
  nodes: readonly NodeId[],
  view: PlanView,
): TransitionPlan {
  const groups = new Map<string, { readonly planned: Planned; readonly nodes: NodeId[] }>();
  const going = new Set<NodeId>();
  const acting: NodeId[] = [];
  for (const node of nodes) {
    const planned = planNode(order, node, view, going);
    if (planned.outcome === "act" || planned.outcome === "wait") {
      acting.push(node);
      if (takesDown(order.action)) going.add(node);
    }
    const key = `${planned.outcome} ${planned.reasonCode ?? ""} ${planned.detail}`;
    const group = groups.get(key);
    if (group) group.nodes.push(node);
    else groups.set(key, { planned, nodes: [node] });
  }
  const listed = gathered([...groups.values()]);
  const room = Math.floor(MAX_FOLDED / Math.max(1, listed.length));
  return {
    total: nodes.length,
    leastMs: leastMs(order, acting, view),
    groups: listed.map(({ planned, nodes: some }) => {
      const { outcome, reasonCode, detail } = planned;
      return {
        nodes: cutFolded(foldNodes(some), Math.max(80, room - detail.length)),
        count: some.length,
        outcome,
        ...(reasonCode === undefined ? {} : { reasonCode }),
        detail: detail.slice(0, Math.min(1000, Math.max(80, room))),
      };
    }),
  };
}

function planNode(
  order: Parameters<typeof planTransition>[0],
  node: NodeId,
  view: PlanView,
  going: ReadonlySet<NodeId>,
): Planned {
  const { action, escalate = false, expect, override = false } = order;
  const known = view.known(node);
  if (!known) return reject("unknown-node", "the site has no node of this id any more");
  const refusal = view.busy(node) ?? view.locked(node) ?? known.trouble;
  if (refusal) return reject(refusal.reasonCode, refusal.detail);
  if (expect !== undefined && known.supply !== expect) {
    return reject(
      "expectation-failed",
      `the supply was expected to be ${expect} and is ${known.supply === "Unknown" ? "not known" : known.supply}`,
    );
  }
  const ladder = planLadder({ ...known, action, escalate });
  if (ladder.outcome === "rejected") return reject(ladder.reasonCode, ladder.detail);
  if (ladder.outcome === "unchanged") return { outcome: "unchanged", detail: ladder.detail };
  const noRoom = ladder.steps.some(needsStart) ? view.noRoom(node) : undefined;
  if (noRoom) return reject(noRoom.reasonCode, noRoom.detail);
  const roles = order.skipDrain || !takesDown(action) ? [] : view.drainRoles(node);
  const detail = [
    ...(roles.length === 0 ? [] : [`drain hooks of ${roles.join(", ")}`]),
    ...ladder.steps.map(inWords),
  ].join(", then ");
  if (override || !takesDown(action)) return { outcome: "act", detail };
  const alone = view.interlocked(node, NOBODY);
  if (alone) return reject("interlocked", alone.detail);
  const together = view.interlocked(node, going);
  if (!together) return { outcome: "act", detail };
  // What comes back makes room for the next; what stays down does not.
  if (bringsUp(action)) return { outcome: "wait", reasonCode: "interlocked", detail };
  return reject("interlocked", together.detail);
}

function needsStart(step: Step): boolean {
  return step.kind === "revive" || (step.kind === "act" && startsSupply(step));
}

function inWords(step: Step): string {
  switch (step.kind) {
    case "act":
      return step.interface === "power" ? step.action : `${step.action} by ${step.interface}`;
    case "await-halt":
      return "wait for the host to halt";
    case "revive":
      return "bring it back";
    default:
      return step satisfies never;
  }
}

/** What spacing, concurrency and stagger demand until the last has begun, in milliseconds. */
function leastMs(
  { action, staggerMs = 0 }: Parameters<typeof planTransition>[0],
  acting: readonly NodeId[],
  view: PlanView,
): number {
  let least = Math.max(0, acting.length - 1) * staggerMs;
  if (!bringsUp(action)) return least;
  const domains = new Map<string, { readonly domain: PowerDomain; starts: number }>();
  for (const node of acting) {
    const of = view.domain(node);
    if (!of) continue;
    const entry = domains.get(of.id) ?? { domain: of.domain, starts: 0 };
    entry.starts++;
    domains.set(of.id, entry);
  }
  for (const { domain, starts } of domains.values()) {
    const { startSpacingMs, startDurationMs, concurrentStarts } = domain;
    const waves = concurrentStarts === undefined ? 0 : Math.floor((starts - 1) / concurrentStarts);
    least = Math.max(least, (starts - 1) * startSpacingMs, waves * startDurationMs);
  }
  return least;
}

/** Where there are too many kinds, those of the fewest nodes lose their details. */
function gathered(
  groups: readonly { readonly planned: Planned; readonly nodes: NodeId[] }[],
): readonly { readonly planned: Planned; readonly nodes: NodeId[] }[] {
  if (groups.length <= MAX_GROUPS) return groups;
  const merged = new Map<string, { readonly planned: Planned; readonly nodes: NodeId[] }>();
  for (const { planned, nodes } of groups) {
    const { outcome, reasonCode } = planned;
    const key = `${outcome} ${reasonCode ?? ""}`;
    const group = merged.get(key);
    if (group) group.nodes.push(...nodes);
    else {
      const detail = reasonCode ?? outcome;
      merged.set(key, { planned: { outcome, reasonCode, detail }, nodes: [...nodes] });
    }
  }
  return [...merged.values()];
}

function reject(reasonCode: ReasonCode, detail: string): Planned {
  return { outcome: "reject", reasonCode, detail };
}

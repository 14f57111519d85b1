import { IsBoolean } from "class-validator";
import {
  CommandIdText,
  ExactlyOne,
  Integer,
  ListOf,
  OneOf,
  Optional,
  Text,
} from "@outrider/contracts/decorators";
import { commandId, ID_PATTERN, type CommandId } from "@outrider/contracts/ids";
import { ACTIONS, type Action } from "@outrider/contracts/power";
import {
  abortTransition,
  createTransition,
  getTransition,
  listTransitions,
  planTransition,
  TASK_DEADLINE_MS,
  Transition,
  TransitionList,
  TransitionPage,
  TransitionPlan,
  type TransitionRequest,
} from "@outrider/contracts/transition";
import { mintCommandId } from "@outrider/messaging/mint-id";
import { idOfKey, keyOf } from "../http/idempotency.js";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import type { Subject } from "@outrider/identity/subject";
import { foldedList, permittedSet } from "../people/permitted.js";
import { isAllVisibleTo } from "../people/scope.js";
import { asking } from "./asking.js";
import { checkOverride } from "./power.js";

/** One intent over many nodes. */
export class BulkPower {
  @OneOf(ACTIONS) @ExactlyOne("nodes", "nodeIds") action!: Action;
  /** Node set: `n[01-08,11]`, `@storage`, `rack=a`; `@all` only when written. */
  @Optional() @Text(32_000) nodes?: string;
  /** In the place of a node set: ids. */
  @Optional() @ListOf(ID_PATTERN, 10_000) nodeIds?: string[];
  /** Repeating an id repeats its transition. Default: one that the Idempotency-Key stands for, or a new one. */
  @Optional() @CommandIdText() id?: CommandId;
  @Optional() @IsBoolean() escalate?: boolean;
  /** The supply that each node must have, or its task is rejected. */
  @Optional() @OneOf(["On", "Off"]) expect?: "On" | "Off";
  /** At most this many tasks run at once, besides what the power domains allow. */
  @Optional() @Integer(1, 100_000) parallel?: number;
  /** Least time between the begin of two tasks, in milliseconds. */
  @Optional() @Integer(0, 3_600_000) staggerMs?: number;
  /** How long the whole may take before what has not begun is given up, in milliseconds. */
  @Optional() @Integer(TASK_DEADLINE_MS.min, TASK_DEADLINE_MS.max) deadlineMs?: number;
  @Optional() @Text(500) reason?: string;
  /** Id of the lock that must stand on every node. */
  @Optional() @CommandIdText() lock?: CommandId;
  /** Act although an interlock says no. Needs a reason and the right `override`. */
  @Optional() @IsBoolean() override?: boolean;
  /** Without drain hooks. Needs a reason. */
  @Optional() @IsBoolean() skipDrain?: boolean;
}

export class BulkQuery {
  /** Says what would happen, and does nothing. */
  @Optional() @IsBoolean() dryRun?: boolean;
}

export class TransitionParams {
  @CommandIdText() id!: CommandId;
}

export class TransitionsQuery {
  /** Only those that have not ended. */
  @Optional() @IsBoolean() active?: boolean;
  @Optional() @Text(200) cursor?: string;
  @Optional() @Integer(1, 100) limit?: number;
}

export class TasksQuery {
  /** Only tasks in these states, separated by commas. */
  @Optional() @Text(200) states?: string;
  @Optional() @Text(200) cursor?: string;
  @Optional() @Integer(1, 200) limit?: number;
}

/** The request as the power service takes it, with nodes that the subject may act on. */
function requested(
  call: Call<object, BulkQuery, BulkPower>,
  parts: GatewayParts,
): TransitionRequest {
  checkOverride(call, parts);
  const { nodes, nodeIds, ...rest } = call.body;
  const asked = nodes ?? foldedList(nodeIds ?? []);
  return { ...rest, nodes: permittedSet(asked, "power", call.subject, parts) };
}

async function create(
  call: Call<object, object, BulkPower>,
  parts: GatewayParts,
): Promise<Answer<Transition>> {
  const request = requested(call, parts);
  const key = keyOf(call);
  const id =
    request.id ??
    (key === undefined ? mintCommandId() : commandId(idOfKey(call.actor, key, "transition")));
  const transition = await asking(parts, call, createTransition, { ...request, id }, 30_000);
  return { body: transition, headers: { location: `/api/v1/transitions/${transition.id}` } };
}

/** @throws HttpProblem 404: that there is one over other nodes is not told either */
function checkVisible(subject: Subject, { nodes }: Transition): void {
  if (isAllVisibleTo(subject, nodes)) return;
  throw new HttpProblem("not-found", "there is no such transition over nodes that you may see");
}

export const TRANSITION_ROUTES = [
  route({
    method: "POST",
    path: "/power",
    id: "createTransition",
    tag: "transitions",
    summary: "Begins one power action over many nodes, which goes on by itself as a transition.",
    right: "power",
    body: BulkPower,
    reply: Transition,
    statuses: { 202: "Accepted; the transition's resource tells its progress." },
    problems: [409, 412, 422, 423, 503, 504, 507],
    headers: ["idempotency-key"],
    handle: create,
  }),
  route({
    method: "POST",
    path: "/power/plan",
    id: "planTransition",
    tag: "transitions",
    summary: "What a power action over many nodes would do as things stand now, and nothing more.",
    right: "power",
    body: BulkPower,
    reply: TransitionPlan,
    statuses: { 200: "What would happen." },
    problems: [409, 412, 422, 503, 504],
    handle: async (call: Call<object, object, BulkPower>, parts) => ({
      body: await asking(parts, call, planTransition, requested(call, parts), 30_000),
    }),
  }),
  route({
    method: "GET",
    path: "/transitions",
    id: "listTransitions",
    tag: "transitions",
    summary: "Transitions, newest first.",
    right: "read",
    query: TransitionsQuery,
    reply: TransitionList,
    statuses: { 200: "A page of transitions." },
    problems: [422, 503, 504],
    handle: async (call, parts) => {
      const page = await asking(parts, call, listTransitions, call.query);
      const transitions = page.transitions.filter(({ nodes }) =>
        isAllVisibleTo(call.subject, nodes),
      );
      return { body: { ...page, transitions } };
    },
  }),
  route({
    method: "GET",
    path: "/transitions/{id}",
    id: "getTransition",
    tag: "transitions",
    summary: "A transition with a page of its tasks.",
    right: "read",
    params: TransitionParams,
    query: TasksQuery,
    reply: TransitionPage,
    statuses: { 200: "The transition." },
    problems: [404, 422, 503, 504],
    headers: ["if-none-match"],
    handle: async (call, parts) => {
      const page = await asking(parts, call, getTransition, { id: call.params.id, ...call.query });
      checkVisible(call.subject, page.transition);
      return { body: page, etag: `${page.transition.id}.${page.transition.revision}` };
    },
  }),
  route({
    method: "DELETE",
    path: "/transitions/{id}",
    id: "abortTransition",
    tag: "transitions",
    summary: "Aborts a transition: nothing further is begun, what runs is finished, a cycle too.",
    right: "power",
    params: TransitionParams,
    reply: Transition,
    statuses: { 202: "It ends as soon as what runs has ended.", 200: "It has ended." },
    problems: [404, 409, 503, 504, 507],
    handle: async (call, parts) => {
      const { id } = call.params;
      if (call.subject.nodes !== undefined) {
        const page = await asking(parts, call, getTransition, { id, limit: 1 });
        checkVisible(call.subject, page.transition);
      }
      const transition = await asking(parts, call, abortTransition, { id });
      return { status: transition.endedAt === undefined ? 202 : 200, body: transition };
    },
  }),
];

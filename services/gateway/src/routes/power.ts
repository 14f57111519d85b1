import { IsBoolean } from "class-validator";
import { milliseconds } from "@outrider/contracts/clock";
import {
  ActorText,
  CommandIdText,
  Id,
  Integer,
  Nested,
  OneOf,
  Optional,
  Text,
} from "@outrider/contracts/decorators";
import { commandId, type CommandId } from "@outrider/contracts/ids";
import { ACTIONS, PowerResult, TTL_MS, isTerminal, type Action } from "@outrider/contracts/power";
import { commandNode, findCommand } from "@outrider/contracts/transition";
import { mintCommandId } from "@outrider/messaging/mint-id";
import { idOfKey, keyOf } from "../http/idempotency.js";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { waitSeconds } from "../http/prefer.js";
import { asking } from "./asking.js";
import { knownNode, NodeParams } from "./nodes.js";

/** Asks for one action on one node. */
export class PowerCommand {
  @OneOf(ACTIONS) action!: Action;
  /** Repeating an id repeats its outcome and never acts again. Default: one that the Idempotency-Key stands for, or a new one. */
  @Optional() @CommandIdText() id?: CommandId;
  /** How long the action may wait to be started, in milliseconds. */
  @Optional() @Integer(TTL_MS.min, TTL_MS.max) ttlMs?: number;
  /** Whether a graceful action that is not obeyed may end in force. */
  @Optional() @IsBoolean() escalate?: boolean;
  @Optional() @Text(500) reason?: string;
  /** Id of the lock that must stand on the node. */
  @Optional() @CommandIdText() lock?: CommandId;
  /** Act although an interlock says no. Needs a reason and the right `override`. */
  @Optional() @IsBoolean() override?: boolean;
}

/** A command and the last that is known of it. */
export class Command {
  @CommandIdText() id!: CommandId;
  @Id() node!: string;
  @Nested(() => PowerResult) result!: PowerResult;
}

export class CommandParams {
  @Id() node!: string;
  @CommandIdText() id!: CommandId;
}

export class CommandQuery {
  /** Who asked for it. Default: whoever asks now. */
  @Optional() @ActorText() actor?: string;
}

async function command(
  call: Call<NodeParams, object, PowerCommand>,
  parts: GatewayParts,
): Promise<Answer<Command>> {
  const { actor, body } = call;
  const { node } = knownNodeId(call, parts);
  checkOverride(call, parts, node);
  const key = keyOf(call);
  const { lock, override, ...set } = body;
  const id = set.id ?? (key === undefined ? mintCommandId() : commandId(idOfKey(actor, key, node)));
  using terminal = parts.results.terminal(node, id);
  const { result } = await asking(
    parts,
    call,
    commandNode,
    {
      node: node as never,
      set: { ...set, id },
      ...(lock === undefined ? {} : { lock }),
      ...(override === undefined ? {} : { override }),
    },
    Math.max(set.ttlMs ?? TTL_MS.default, 10_000),
  );
  if (result.status === "Rejected") throw rejected(node, result);
  const last = result.terminal ? result : await awaited(call, parts, terminal.result, result);
  // A join answers with the id of what already ran.
  const location = `/api/v1/nodes/${node}/commands/${last.id}`;
  return {
    status: last.terminal ? 200 : 202,
    body: { id: last.id, node, result: last },
    headers: {
      location,
      ...(call.header("prefer") === undefined ? {} : { "preference-applied": "wait" }),
    },
  };
}

function knownNodeId(
  call: Call<NodeParams, object, object>,
  parts: GatewayParts,
): { readonly node: string } {
  return { node: knownNode(call.params.node, call, parts).id };
}

/** What of a request goes past what protects a node. */
interface Bypassing {
  readonly override?: boolean;
  readonly skipDrain?: boolean;
  readonly reason?: string;
}

/**
 * Whoever goes past interlocks or drain hooks needs the right `override`, and says why.
 * @throws HttpProblem 403, 422
 */
export function checkOverride(
  { subject, body }: { readonly subject: Call["subject"]; readonly body: Bypassing },
  { people }: Pick<GatewayParts, "people">,
  node?: string,
): void {
  const field = body.override ? "override" : body.skipDrain ? "skipDrain" : undefined;
  if (field === undefined) return;
  const verdict = people.may(subject, "override", node);
  if (verdict !== true) throw new HttpProblem("not-allowed", verdict, { field });
  if (!body.reason?.trim()) {
    const what = field === "override" ? "an override" : "leaving out drain hooks";
    throw new HttpProblem("invalid", `${what} needs a reason, which the audit log keeps`, {
      field: "reason",
    });
  }
}

/** What was refused before anything was done. */
function rejected(node: string, result: PowerResult): HttpProblem {
  const { reasonCode = "internal", detail = "the command was rejected", id } = result;
  return new HttpProblem(reasonCode, detail, { more: { command: { id, node, result } } });
}

/** The terminal result, or what was said before when the client does not wait, or not so long. */
async function awaited(
  call: Pick<Call, "header" | "signal">,
  { clock }: Pick<GatewayParts, "clock">,
  terminal: Promise<PowerResult>,
  first: PowerResult,
): Promise<PowerResult> {
  const seconds = waitSeconds(call.header("prefer"));
  if (seconds === 0) return first;
  const ended = new AbortController();
  const signal = AbortSignal.any([call.signal, ended.signal]);
  const late = clock.sleep(milliseconds(seconds * 1000), signal).then(
    () => first,
    () => first,
  );
  try {
    return await Promise.race([terminal, late]);
  } finally {
    ended.abort();
  }
}

async function find(
  call: Call<CommandParams, CommandQuery>,
  parts: GatewayParts,
): Promise<Answer<Command>> {
  const { node, id } = call.params;
  knownNode(node, call, parts);
  const actor = call.query.actor ?? call.actor;
  const heard = parts.results.find(node, id);
  if (heard && heard.actor === actor) return answerOf(node, heard);
  const { result } = await asking(parts, call, findCommand, { node: node as never, id, actor });
  return answerOf(node, result);
}

function answerOf(node: string, result: PowerResult): Answer<Command> {
  return {
    body: { id: result.id, node, result },
    etag: `${result.id}.${result.seq}`,
    ...(isTerminal(result.status) ? {} : { headers: { "retry-after": "1" } }),
  };
}

export const POWER_ROUTES = [
  route({
    method: "POST",
    path: "/nodes/{node}/power",
    id: "commandNode",
    tag: "power",
    summary: "Asks for a power action on one node.",
    right: "power",
    params: NodeParams,
    body: PowerCommand,
    reply: Command,
    statuses: {
      202: "Accepted; the command goes on and its resource says how.",
      200: "It has ended, as the result says: `Prefer: wait=N` was given, or it is a repeat.",
    },
    problems: [404, 409, 412, 422, 423, 502, 503, 504, 507],
    headers: ["idempotency-key", "prefer"],
    handle: command,
  }),
  route({
    method: "GET",
    path: "/nodes/{node}/commands/{id}",
    id: "getCommand",
    tag: "power",
    summary: "What is known of a command.",
    right: "read",
    params: CommandParams,
    query: CommandQuery,
    reply: Command,
    statuses: { 200: "The command with its last result." },
    problems: [404, 503, 504],
    headers: ["if-none-match"],
    handle: find,
  }),
];

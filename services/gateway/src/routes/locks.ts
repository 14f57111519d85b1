import { IsBoolean } from "class-validator";
import { CommandIdText, Integer, Optional, Text } from "@outrider/contracts/decorators";
import { commandId, type CommandId } from "@outrider/contracts/ids";
import {
  acquireLock,
  breakLock,
  getLock,
  LEASE_MS,
  listLocks,
  Lock,
  LockPage,
  releaseLock,
  renewLock,
  AcquireLock,
} from "@outrider/contracts/lock";
import { mintCommandId } from "@outrider/messaging/mint-id";
import { tagOf } from "../http/etag.js";
import { idOfKey, keyOf } from "../http/idempotency.js";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { permittedSet } from "../people/permitted.js";
import { isAllVisibleTo } from "../people/scope.js";
import { asking } from "./asking.js";

export class LockParams {
  @CommandIdText() id!: CommandId;
}

export class LocksQuery {
  /** Only those that are held or queued. Default true. */
  @Optional() @IsBoolean() active?: boolean;
  @Optional() @Text(200) cursor?: string;
  @Optional() @Integer(1, 200) limit?: number;
}

export class LeaseRenewal {
  /** From now, in milliseconds. Default: as long as it was acquired for. */
  @Optional() @Integer(LEASE_MS.min, LEASE_MS.max) leaseMs?: number;
}

export class LockBreaking {
  /** Told to the holder, and kept in the audit log. */
  @Text(500) reason!: string;
}

const etagOf = (lock: Lock): string => tagOf(JSON.stringify(lock));

async function acquire(
  call: Call<object, object, AcquireLock>,
  parts: GatewayParts,
): Promise<Answer<Lock>> {
  const { body, actor } = call;
  const key = keyOf(call);
  const id =
    body.id ?? (key === undefined ? mintCommandId() : commandId(idOfKey(actor, key, "lock")));
  const nodes = permittedSet(body.nodes, "lock", call.subject, parts);
  const lock = await asking(parts, call, acquireLock, { ...body, id, nodes });
  return {
    status: lock.state === "Queued" ? 202 : 201,
    body: lock,
    headers: { location: `/api/v1/locks/${lock.id}` },
  };
}

/** @throws HttpProblem 404: that there is one over other nodes is not told either */
async function visibleLock(
  call: Pick<Call<LockParams>, "params" | "subject" | "actor" | "via" | "signal">,
  parts: GatewayParts,
): Promise<Lock> {
  const lock = await asking(parts, call, getLock, { id: call.params.id });
  if (isAllVisibleTo(call.subject, lock.nodes)) return lock;
  throw new HttpProblem("not-found", "there is no such lock over nodes that you may see");
}

export const LOCK_ROUTES = [
  route({
    method: "POST",
    path: "/locks",
    id: "acquireLock",
    tag: "locks",
    summary: "Locks a set of nodes, all of them or none, or waits in the queue.",
    right: "lock",
    body: AcquireLock,
    reply: Lock,
    statuses: { 201: "The lock is held.", 202: "It waits in the queue." },
    problems: [409, 422, 423, 503, 504, 507],
    headers: ["idempotency-key"],
    handle: acquire,
  }),
  route({
    method: "GET",
    path: "/locks",
    id: "listLocks",
    tag: "locks",
    summary: "Locks, newest first.",
    right: "read",
    query: LocksQuery,
    reply: LockPage,
    statuses: { 200: "A page of locks." },
    problems: [422, 503, 504],
    handle: async (call, parts) => {
      const page = await asking(parts, call, listLocks, call.query);
      const locks = page.locks.filter(({ nodes }) => isAllVisibleTo(call.subject, nodes));
      return { body: { ...page, locks } };
    },
  }),
  route({
    method: "GET",
    path: "/locks/{id}",
    id: "getLock",
    tag: "locks",
    summary: "One lock.",
    right: "read",
    params: LockParams,
    reply: Lock,
    statuses: { 200: "The lock." },
    problems: [404, 503, 504],
    headers: ["if-none-match"],
    handle: async (call, parts) => {
      const lock = await visibleLock(call, parts);
      return { body: lock, etag: etagOf(lock) };
    },
  }),
  route({
    method: "POST",
    path: "/locks/{id}/renew",
    id: "renewLock",
    tag: "locks",
    summary: "Extends a lease from now.",
    right: "lock",
    params: LockParams,
    body: LeaseRenewal,
    bodyOptional: true,
    reply: Lock,
    statuses: { 200: "The lock with its new end." },
    problems: [404, 409, 412, 422, 423, 503, 504, 507],
    handle: async (call: Call<LockParams, object, LeaseRenewal>, parts) => {
      if (call.subject.nodes !== undefined) await visibleLock(call, parts);
      return { body: await asking(parts, call, renewLock, { id: call.params.id, ...call.body }) };
    },
  }),
  route({
    method: "DELETE",
    path: "/locks/{id}",
    id: "releaseLock",
    tag: "locks",
    summary: "Gives a lock back, or leaves the queue.",
    right: "lock",
    params: LockParams,
    reply: Lock,
    statuses: { 200: "The lock, which has ended." },
    problems: [404, 409, 412, 422, 423, 503, 504, 507],
    handle: async (call, parts) => {
      if (call.subject.nodes !== undefined) await visibleLock(call, parts);
      return { body: await asking(parts, call, releaseLock, { id: call.params.id }) };
    },
  }),
  route({
    method: "POST",
    path: "/locks/{id}/break",
    id: "breakLock",
    tag: "locks",
    summary: "Takes a lock from its holder; whatever the holder has still under way is refused.",
    right: "lock-break",
    params: LockParams,
    body: LockBreaking,
    reply: Lock,
    statuses: { 200: "The lock, which has ended." },
    problems: [404, 409, 412, 422, 503, 504, 507],
    handle: async (call: Call<LockParams, object, LockBreaking>, parts) => {
      if (call.subject.nodes !== undefined) await visibleLock(call, parts);
      return { body: await asking(parts, call, breakLock, { id: call.params.id, ...call.body }) };
    },
  }),
];

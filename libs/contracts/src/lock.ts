import { contract } from "./contract.js";
import {
  ActorText,
  CommandIdText,
  Integer,
  MapOf,
  Nested,
  NestedList,
  OneOf,
  Optional,
  Text,
  Timestamp,
} from "./decorators.js";
import { IsBoolean } from "class-validator";
import { ID_PATTERN, type CommandId } from "./ids.js";
import { operation } from "./service-plane.js";

/** Bounds of a lease in milliseconds. */
export const LEASE_MS = { min: 1000, max: 86_400_000, default: 600_000 } as const;

/** Who holds a node now. */
export class LockHolder {
  /** Id of the lock, which may be over several nodes. */
  @CommandIdText() lock!: CommandId;
  @ActorText() holder!: string;
  @Optional() @Text(500) reason?: string;
  @Timestamp() since!: string;
  /** The lease: past this the node is free, unless it was renewed. */
  @Timestamp() until!: string;
}

/**
 * The lock of a node. Stays once there was one: the fence of a free node still shuts out whoever held it before.
 */
export class NodeLock {
  /** Rises with every new holder. Commands carry it; the agent refuses a lower one. */
  @Integer(0) fence!: number;
  @Optional() @Nested(() => LockHolder) held?: LockHolder;
  /** How many wait for it. */
  @Integer(0) waiting!: number;
}

export const nodeLock = contract("node/{node}/lock", {
  payload: NodeLock,
  kind: "report",
  writer: "inventory",
  audience: "public",
  qos: 1,
  retain: true,
  summary: "Who holds a node, why and until when; the fencing token of the last holder.",
});

export const LOCK_STATES = ["Queued", "Held", "Released", "Expired", "Broken", "Canceled"] as const;
export type LockState = (typeof LOCK_STATES)[number];

/** A lock over a set of nodes: held of all of them or of none. */
export class Lock {
  @CommandIdText() id!: CommandId;
  @OneOf(LOCK_STATES) state!: LockState;
  @ActorText() holder!: string;
  @Optional() @Text(500) reason?: string;
  /** Folded node set. */
  @Text(32_000) nodes!: string;
  @Integer(0, 100) priority!: number;
  @Integer(LEASE_MS.min, LEASE_MS.max) leaseMs!: number;
  @Timestamp() askedAt!: string;
  @Optional() @Timestamp() since?: string;
  @Optional() @Timestamp() until?: string;
  @Optional() @Timestamp() endedAt?: string;
  /** Who broke it. */
  @Optional() @ActorText() endedBy?: string;
  /** How many stand before it in the queue. */
  @Optional() @Integer(0) position?: number;
  /** Fencing token of each node, while held. */
  @Optional() @MapOf(ID_PATTERN, { integer: [0, Number.MAX_SAFE_INTEGER] }) fences?: Record<
    string,
    number
  >;
}

export class AcquireLock {
  /** Repeating an id repeats its outcome. */
  @Optional() @CommandIdText() id?: CommandId;
  /** Node set: `n[1-4],@storage`. */
  @Text(32_000) nodes!: string;
  @Optional() @Text(500) reason?: string;
  @Optional() @Integer(LEASE_MS.min, LEASE_MS.max) leaseMs?: number;
  /** Higher goes first in the queue. Default 50. */
  @Optional() @Integer(0, 100) priority?: number;
  /** Whether to wait in the queue when it is not free. Default false: a conflict names the holder. */
  @Optional() @IsBoolean() queue?: boolean;
}

export class LockRef {
  @CommandIdText() id!: CommandId;
}

export class RenewLock {
  @CommandIdText() id!: CommandId;
  @Optional() @Integer(LEASE_MS.min, LEASE_MS.max) leaseMs?: number;
}

/** Takes a lock away from its holder, or all locks that stand on a set of nodes. */
export class BreakLock {
  @CommandIdText() id!: CommandId;
  @Text(500) reason!: string;
}

export class ListLocks {
  /** Only those that are held or queued. Default true. */
  @Optional() @IsBoolean() active?: boolean;
  @Optional() @Text(200) cursor?: string;
  @Optional() @Integer(1, 200) limit?: number;
}

export class LockPage {
  @NestedList(() => Lock, 200) locks!: Lock[];
  @Optional() @Text(200) next?: string;
}

export const acquireLock = operation("inventory", "acquire-lock", {
  request: AcquireLock,
  reply: Lock,
  summary: "Locks a set of nodes, all of them or none, or waits in the queue.",
});
export const renewLock = operation("inventory", "renew-lock", {
  request: RenewLock,
  reply: Lock,
  summary: "Extends a lease from now.",
});
export const releaseLock = operation("inventory", "release-lock", {
  request: LockRef,
  reply: Lock,
  summary: "Gives a lock back, or leaves the queue.",
});
export const breakLock = operation("inventory", "break-lock", {
  request: BreakLock,
  reply: Lock,
  summary: "Takes a lock from its holder; the fence rises.",
});
export const getLock = operation("inventory", "get-lock", {
  request: LockRef,
  reply: Lock,
  summary: "One lock.",
});
export const listLocks = operation("inventory", "list-locks", {
  request: ListLocks,
  reply: LockPage,
  summary: "Locks, newest first.",
});

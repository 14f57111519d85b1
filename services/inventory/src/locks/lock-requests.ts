import { Inject, Injectable } from "@nestjs/common";
import {
  acquireLock,
  breakLock,
  getLock,
  listLocks,
  releaseLock,
  renewLock,
  type AcquireLock,
  type BreakLock,
  type ListLocks,
  type Lock,
  type LockPage,
  type LockRef,
  type RenewLock,
} from "@outrider/contracts/lock";
import { OnRequest, type Asked } from "@outrider/service-kit/on-request";
import { Locks } from "./locks.js";

const DEFAULT_PAGE = 100;

/** What the service answers about locks. */
@Injectable()
export class LockRequests {
  constructor(@Inject(Locks) private readonly locks: Locks) {}

  @OnRequest(acquireLock)
  acquire({ body, ...asker }: Asked<AcquireLock>): Promise<Lock> {
    return this.locks.acquire(body, asker);
  }

  @OnRequest(renewLock)
  renew({ body, ...asker }: Asked<RenewLock>): Promise<Lock> {
    return this.locks.renew(body.id, body.leaseMs, asker);
  }

  @OnRequest(releaseLock)
  release({ body, ...asker }: Asked<LockRef>): Promise<Lock> {
    return this.locks.release(body.id, asker);
  }

  @OnRequest(breakLock)
  break({ body, ...asker }: Asked<BreakLock>): Promise<Lock> {
    return this.locks.break(body.id, body.reason, asker);
  }

  @OnRequest(getLock)
  get({ body }: Asked<LockRef>): Promise<Lock> {
    return this.locks.get(body.id);
  }

  @OnRequest(listLocks)
  list({
    body: { active = true, cursor, limit = DEFAULT_PAGE },
  }: Asked<ListLocks>): Promise<LockPage> {
    return this.locks.list(active, cursor, limit);
  }
}

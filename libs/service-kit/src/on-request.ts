import "reflect-metadata";
import type { Via } from "@outrider/contracts/power";
import type { AnyOperation, Operation } from "@outrider/contracts/service-plane";

const HANDLERS = Symbol("outrider:on-request");

/** A request as its handler gets it. */
export interface Asked<Request extends object> {
  readonly body: Request;
  /** On whose behalf, as `<kind>:<name>`; checked by the service that sent it. */
  readonly actor: string;
  readonly via: Via;
}

export interface RequestHandler {
  readonly operation: AnyOperation;
  readonly method: string | symbol;
}

/**
 * The method answers requests for the operation. What it returns is the reply; a RequestError that it throws is the
 * reply, too, and any other error is a defect. Requests are answered side by side.
 */
export function OnRequest<Request extends object, Reply extends object>(
  operation: Operation<Request, Reply>,
) {
  // Of the method's own type: one that always returns a promise, or never does, is as good.
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it is what lets both fit
  return <Answer extends Promise<Reply> | Reply>(
    target: object,
    method: string | symbol,
    _descriptor: TypedPropertyDescriptor<(asked: Asked<Request>) => Answer>,
  ): void => {
    const handlers =
      (Reflect.getOwnMetadata(HANDLERS, target) as RequestHandler[] | undefined) ?? [];
    handlers.push({ operation, method });
    Reflect.defineMetadata(HANDLERS, handlers, target);
  };
}

/** The handlers that a provider's class declares. */
export function requestHandlersOf(instance: object): readonly RequestHandler[] {
  const prototype: unknown = Object.getPrototypeOf(instance);
  if (typeof prototype !== "object" || prototype === null) return [];
  return (Reflect.getOwnMetadata(HANDLERS, prototype) as RequestHandler[] | undefined) ?? [];
}

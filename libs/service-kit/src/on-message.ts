import "reflect-metadata";
import type { AnyContract, Contract, Parameters } from "@outrider/contracts/contract";
import type { Received } from "@outrider/messaging/session";

const HANDLERS = Symbol("outrider:on-message");

export interface OnMessageOptions {
  /** What to do with messages that were published with the retain flag. Default `deliver`. */
  readonly retained?: "deliver" | "drop";
  /** Method of the same class that is told of payloads that do not fit: `(refusal, message: Refused)`. */
  readonly refused?: string;
  /** Method of the same class that is told of topics whose retained document was cleared: `(message: Meta)`. */
  readonly cleared?: string;
}

export interface MessageHandler {
  readonly contract: AnyContract;
  readonly method: string | symbol;
  readonly options: OnMessageOptions;
}

/**
 * The method receives every message of the contract. A method that takes another payload does not compile.
 * Messages of one handler arrive one after another, in the order of arrival.
 */
export function OnMessage<T extends string, P extends object>(
  contract: Contract<T, P>,
  options: OnMessageOptions = {},
) {
  return (
    target: object,
    method: string | symbol,
    _descriptor: TypedPropertyDescriptor<
      (message: Received<P, Parameters<T>>) => Promise<void> | void
    >,
  ): void => {
    const handlers =
      (Reflect.getOwnMetadata(HANDLERS, target) as MessageHandler[] | undefined) ?? [];
    handlers.push({ contract, method, options });
    Reflect.defineMetadata(HANDLERS, handlers, target);
  };
}

/** The handlers that a provider's class declares. */
export function messageHandlersOf(instance: object): readonly MessageHandler[] {
  const prototype: unknown = Object.getPrototypeOf(instance);
  if (typeof prototype !== "object" || prototype === null) return [];
  return (Reflect.getOwnMetadata(HANDLERS, prototype) as MessageHandler[] | undefined) ?? [];
}

import { ACTOR_PROPERTY, RETAINED_PROPERTY } from "@outrider/contracts/packet";
import type { Refusal } from "@outrider/contracts/codec";
import type { IPublishPacket } from "mqtt";

/** What is known of a message apart from its payload. `T` are the parameters of its topic. */
export interface Meta<T> {
  readonly parameters: T;
  readonly topic: string;
  /** The retain flag as it arrived: a stored document, or one that is being stored now. */
  readonly retain: boolean;
  /** Who published it, as the broker says. Undefined where the broker does not, or is not trusted to. */
  readonly actor: string | undefined;
  /** Whether the publisher had set the retain flag. */
  readonly wasRetained: boolean;
  /** When it arrived, in milliseconds of the session's monotonic clock. */
  readonly receivedMs: number;
  /** A duplicate may also come without this flag. */
  readonly dup: boolean;
  readonly responseTopic?: string;
  readonly correlationData?: Buffer;
}

/** A message whose payload fits its contract. */
export interface Received<P, T> extends Meta<T> {
  readonly payload: P;
}

/** A message whose payload does not. */
export interface Refused<T> extends Meta<T> {
  readonly refusal: Refusal;
  /** The bytes as they came: never for a log. */
  readonly bytes: Uint8Array;
}

/** Everything of a packet but its payload. */
export function metaOf<T>(
  packet: IPublishPacket,
  topic: string,
  parameters: T,
  receivedMs: number,
  trustActor: boolean,
): Meta<T> {
  const properties = packet.properties;
  const said = properties?.userProperties ?? {};
  const actor = said[ACTOR_PROPERTY];
  return {
    parameters,
    topic,
    retain: packet.retain,
    // A list means that somebody added a second one to the broker's.
    actor: trustActor && typeof actor === "string" ? actor : undefined,
    wasRetained: packet.retain || said[RETAINED_PROPERTY] === "true",
    receivedMs,
    dup: packet.dup,
    ...(properties?.responseTopic === undefined ? {} : { responseTopic: properties.responseTopic }),
    ...(properties?.correlationData === undefined
      ? {}
      : { correlationData: properties.correlationData }),
  };
}

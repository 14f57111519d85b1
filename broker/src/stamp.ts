import { ACTOR_PROPERTY, actorOf, RETAINED_PROPERTY, type Identity } from "@outrider/contracts/acl";

type UserProperties = Record<string, string | string[]>;

interface Stampable {
  properties?: { userProperties?: UserProperties } | undefined;
}

/**
 * Writes on a message who sent it, and whether it came with a retain flag. Whatever the sender wrote there itself
 * is replaced: subscribers never learn otherwise who published (MQTT has no such field).
 */
export function stamp(packet: Stampable, identity: Identity, wasRetained: boolean): void {
  const userProperties = withoutStamps(packet.properties?.userProperties);
  userProperties[ACTOR_PROPERTY] = actorOf(identity);
  if (wasRetained) userProperties[RETAINED_PROPERTY] = "true";
  packet.properties = { ...packet.properties, userProperties };
}

/** Takes forged stamps off a message that gets none. */
export function unstamp(packet: Stampable): void {
  const given = packet.properties?.userProperties;
  if (given && (ACTOR_PROPERTY in given || RETAINED_PROPERTY in given)) {
    packet.properties = { ...packet.properties, userProperties: withoutStamps(given) };
  }
}

function withoutStamps(given: UserProperties | undefined): UserProperties {
  // No prototype: a property may be called anything.
  const kept: UserProperties = Object.assign(Object.create(null), given);
  delete kept[ACTOR_PROPERTY];
  delete kept[RETAINED_PROPERTY];
  return kept;
}

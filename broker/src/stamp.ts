import { actorOf, type Identity } from "@outrider/contracts/acl";
import { ACTOR_PROPERTY, RETAINED_PROPERTY } from "@outrider/contracts/packet";

type UserProperties = Record<string, string | string[]>;

interface Stampable {
  properties?: { userProperties?: UserProperties } | undefined;
}

/**
 * Writes on a message who sent it, and whether it came with a retain flag. Whatever the sender wrote there itself
 * is replaced: subscribers never learn otherwise who published (MQTT has no such field).
 */
export function stamp(packet: Stampable, identity: Identity, wasRetained: boolean): void {
  if (!packet.properties && !wasRetained) {
    packet.properties = plainStamp(identity);
    return;
  }
  const userProperties = withoutStamps(packet.properties?.userProperties);
  userProperties[ACTOR_PROPERTY] = actorOf(identity);
  if (wasRetained) userProperties[RETAINED_PROPERTY] = "true";
  packet.properties = { ...packet.properties, userProperties };
}

const plainStamps = new WeakMap<Identity, NonNullable<Stampable["properties"]>>();

/** What a message without properties of its own gets: the same for all of an identity, and not to be written to. */
function plainStamp(identity: Identity): NonNullable<Stampable["properties"]> {
  let made = plainStamps.get(identity);
  if (!made) {
    made = Object.freeze({
      userProperties: Object.freeze({ [ACTOR_PROPERTY]: actorOf(identity) }),
    });
    plainStamps.set(identity, made);
  }
  return made;
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

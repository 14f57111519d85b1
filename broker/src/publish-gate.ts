import type { PublishPacket } from "aedes";
import { RETAINED, type Access, type Refusal } from "./access.js";
import { passableProperties } from "./publish-properties.js";
import { stamp, unstamp } from "./stamp.js";

const PROPERTIES: Refusal = {
  reason: "properties",
  message: "a property is given twice or does not belong into a PUBLISH",
};

/**
 * Decides on a message and makes it what may be passed on: a forbidden retain flag is cleared where that leaves a
 * request that can be answered, the actor is stamped, and what would break subscribers is refused.
 */
export function admitMessage(access: Access, packet: PublishPacket): Refusal | undefined {
  const grant = access.publish(packet.topic);
  if (!grant.allowed) return grant;
  if (packet.properties) {
    const properties = passableProperties(packet.properties);
    if (!properties) return PROPERTIES;
    packet.properties = properties;
  }
  const wasRetained = packet.retain && grant.retain !== "keep";
  if (wasRetained) {
    if (grant.retain === "refuse") return RETAINED;
    packet.retain = false;
  }
  if (grant.stamped) stamp(packet, access.identity, wasRetained);
  else unstamp(packet);
  return undefined;
}

/** What our broker and those who speak with it agree on of packets, whatever topic they are for. */

/** MQTT 5 user property of every message that anyone may write: who wrote it. Set by our broker alone. */
export const ACTOR_PROPERTY = "outrider-actor";
/**
 * The Response Information (MQTT 5.0, 3.2.2.3.15) of a broker that overwrites the actor on every message. Clients that
 * are told anything else believe no actor, because there anybody could have written it.
 */
export const STAMPING_BROKER = "outrider-broker/1";
/** MQTT 5 user property, `true`: the publisher had set the retain flag on a topic that is never retained. */
export const RETAINED_PROPERTY = "outrider-retained";

/** No contract has more, in bytes. */
export const LARGEST_PAYLOAD_BYTES = 4_194_304;
/** What the largest message of all has with its header, in bytes. Whoever carries messages must take so much. */
export const LARGEST_PACKET_BYTES = LARGEST_PAYLOAD_BYTES + 65_536;

import type { IPublishPacket } from "mqtt-packet";

export type PublishProperties = NonNullable<IPublishPacket["properties"]>;

/** What a PUBLISH may carry towards subscribers (MQTT 5.0, 3.3.2.3), and what its value must be. */
const ALLOWED: Readonly<Record<string, (value: unknown) => boolean>> = {
  payloadFormatIndicator: (value) => typeof value === "boolean",
  messageExpiryInterval: (value) => typeof value === "number",
  responseTopic: (value) => typeof value === "string",
  correlationData: (value) => Buffer.isBuffer(value),
  contentType: (value) => typeof value === "string",
  userProperties: (value) => typeof value === "object" && !Array.isArray(value),
};

/** Properties that end at the broker: the alias is resolved, the delay is over when a will is published. */
const CONSUMED = new Set(["topicAlias", "willDelayInterval"]);

/**
 * The properties of a message that may be passed on; undefined when one is given twice or does not belong into a
 * PUBLISH. Serialised as they came, such properties would break the connection of every subscriber.
 */
export function passableProperties(given: object): PublishProperties | undefined {
  let kept: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(given)) {
    if (CONSUMED.has(name)) kept ??= { ...given };
    else if (!Object.hasOwn(ALLOWED, name) || !ALLOWED[name]?.(value)) return undefined;
  }
  if (!kept) return given;
  for (const name of CONSUMED) delete kept[name];
  return kept;
}

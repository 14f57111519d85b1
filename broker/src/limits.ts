/** Bounds of what clients may cost. Every one has a default that fits a site of thousands of nodes. */
export interface BrokerLimits {
  /** Largest MQTT packet that is accepted, in bytes. Must hold the largest contract and its header. */
  readonly maxPacketBytes: number;
  /** Clients that may be connected at once. */
  readonly maxClients: number;
  /** Filters that one client may hold. */
  readonly maxSubscriptionsPerClient: number;
  readonly maxTopicLevels: number;
  /** Longest topic or filter, in UTF-16 units. */
  readonly maxTopicLength: number;
  /** QoS 2 messages that a client may have begun and not released; advertised for QoS 1 too. */
  readonly maxInflight: number;
  /** Time from the first byte's chance to the CONNECT packet. */
  readonly connectTimeoutMs: number;
  /** Longest keep-alive that an MQTT 5 client is given, also when it asks for none. */
  readonly maxKeepAliveSeconds: number;
}

export const DEFAULT_LIMITS: BrokerLimits = {
  maxPacketBytes: 1_114_112,
  maxClients: 20_000,
  maxSubscriptionsPerClient: 1000,
  maxTopicLevels: 16,
  maxTopicLength: 512,
  maxInflight: 256,
  connectTimeoutMs: 10_000,
  maxKeepAliveSeconds: 300,
};

import { LARGEST_PACKET_BYTES } from "@outrider/contracts/packet";

/** When a subscriber that does not read is shed and cut. */
export interface SlowReaderLimits {
  /** With more than this waiting for a client, QoS 0 to it is dropped. */
  readonly shedAboveBytes: number;
  /** With more than this waiting, it is cut. */
  readonly cutAboveBytes: number;
  /** One that is behind and takes no byte for this long is cut. */
  readonly cutAfterMs: number;
  /** With more than this waiting for all clients together, those furthest behind are cut. */
  readonly maxWaitingBytes: number;
}

/** Bounds of what clients may cost. Every one has a default that fits a site of thousands of nodes. */
export interface BrokerLimits extends SlowReaderLimits {
  /** Largest MQTT packet that is accepted, in bytes. Must hold the largest contract and its header. */
  readonly maxPacketBytes: number;
  /** Bytes that are read from a connection before it has shown who it is. */
  readonly maxBytesBeforeLogin: number;
  /** Clients that may be connected at once. */
  readonly maxClients: number;
  /** Connections that may be on their way in at once. */
  readonly maxHandshakes: number;
  /** Connections accepted per second, after a burst of as many as come in five. */
  readonly connectionsPerSecond: number;
  /** Time from the connection to the answered CONNECT. */
  readonly connectTimeoutMs: number;
  /** Longest keep-alive that an MQTT 5 client is given, also when it asks for none. */
  readonly maxKeepAliveSeconds: number;
  /** Filters that one client may hold. */
  readonly maxSubscriptionsPerClient: number;
  readonly maxTopicLevels: number;
  /** Longest topic, filter, user name and client id, in UTF-16 units. */
  readonly maxTopicLength: number;
  /** QoS 2 messages that a client may have begun and not released; advertised as Receive Maximum. */
  readonly maxInflight: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_LIMITS: BrokerLimits = {
  shedAboveBytes: MIB,
  cutAboveBytes: 32 * MIB,
  cutAfterMs: 10_000,
  maxWaitingBytes: 256 * MIB,
  maxPacketBytes: LARGEST_PACKET_BYTES,
  maxBytesBeforeLogin: 16_384,
  maxClients: 20_000,
  maxHandshakes: 6000,
  connectionsPerSecond: 2000,
  connectTimeoutMs: 10_000,
  maxKeepAliveSeconds: 300,
  maxSubscriptionsPerClient: 1000,
  maxTopicLevels: 16,
  maxTopicLength: 512,
  maxInflight: 256,
};

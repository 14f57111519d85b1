import { IsBoolean } from "class-validator";
import { contract, type AnyContract } from "./contract.js";
import {
  AnyObject,
  Integer,
  ListOf,
  MapOf,
  NestedList,
  OneOf,
  Optional,
  Text,
} from "./decorators.js";

/**
 * What Home Assistant reads and writes beside our topics: its MQTT discovery. The names of the properties are its own
 * (home-assistant.io, "MQTT discovery"); only those that Outrider writes are declared.
 */

export const HOME_ASSISTANT_ROOT = "homeassistant/";

const COMPONENT_PATTERN = /^[a-zA-Z0-9_-]{1,200}$/;

/** A topic that says whether an entity can be used. */
export class HomeAssistantAvailability {
  @Text(500) topic!: string;
  @Optional() @Text(500) value_template?: string;
  @Optional() @Text(50) payload_available?: string;
  @Optional() @Text(50) payload_not_available?: string;
}

/** An entity or a device trigger. */
export class HomeAssistantComponent {
  /** In a device's document; an entity's own topic has it as a level. */
  @Optional() @Text(50) platform?: string;
  @Optional() @Text(200) name?: string;
  @Optional() @Text(255) unique_id?: string;
  /** With the platform before it; read since 2025.10. */
  @Optional() @Text(255) default_entity_id?: string;
  /** Without the platform; read up to 2026.3. */
  @Optional() @Text(255) object_id?: string;
  @Optional() @OneOf(["config", "diagnostic"]) entity_category?: "config" | "diagnostic";
  @Optional() @IsBoolean() enabled_by_default?: boolean;
  @Optional() @Text(50) device_class?: string;
  @Optional() @Text(50) state_class?: string;
  @Optional() @Text(50) unit_of_measurement?: string;
  @Optional() @Integer(0, 6) suggested_display_precision?: number;
  @Optional() @Text(100) icon?: string;
  @Optional() @ListOf(/^.{1,100}$/, 200) options?: string[];
  @Optional() @ListOf(/^.{1,100}$/, 200) event_types?: string[];
  @Optional() @Text(500) state_topic?: string;
  @Optional() @Text(4000) value_template?: string;
  @Optional() @Text(500) json_attributes_topic?: string;
  @Optional() @Text(4000) json_attributes_template?: string;
  /** In seconds. */
  @Optional() @Integer(1, 86_400) expire_after?: number;
  @Optional() @Text(500) command_topic?: string;
  @Optional() @Text(1000) command_template?: string;
  @Optional() @Text(200) payload_on?: string;
  @Optional() @Text(200) payload_off?: string;
  @Optional() @Text(200) payload_press?: string;
  @Optional() @Text(200) state_on?: string;
  @Optional() @Text(200) state_off?: string;
  @Optional() @IsBoolean() optimistic?: boolean;
  @Optional() @IsBoolean() retain?: boolean;
  @Optional() @Integer(0, 1) qos?: number;
  @Optional()
  @NestedList(() => HomeAssistantAvailability, 8)
  availability?: HomeAssistantAvailability[];
  @Optional() @OneOf(["all", "any", "latest"]) availability_mode?: "all" | "any" | "latest";
  /** Of a device trigger: `trigger`. */
  @Optional() @Text(50) automation_type?: string;
  @Optional() @Text(100) type?: string;
  @Optional() @Text(100) subtype?: string;
  @Optional() @Text(500) topic?: string;
  @Optional() @Text(200) payload?: string;
}

/** A device with its entities, or one entity with its device. */
export class HomeAssistantConfig extends HomeAssistantComponent {
  @Optional() @AnyObject() device?: Record<string, unknown>;
  @Optional() @AnyObject() origin?: Record<string, unknown>;
  @Optional()
  @MapOf(COMPONENT_PATTERN, { nested: () => HomeAssistantComponent }, 1000)
  components?: Record<string, HomeAssistantComponent>;
  /** Said once on a topic that another one is about to replace, so that entities keep their history. */
  @Optional() @IsBoolean() migrate_discovery?: boolean;
}

/** Somebody's configuration, ours or not. */
// oxlint-disable-next-line typescript/no-extraneous-class -- a payload class like any other, that knows nothing
export class HomeAssistantDocument {
  static readonly hasNoProperties = true;
}

/** Whether Home Assistant runs; it says so when it starts, and its will when it is gone. */
export class HomeAssistantStatus {
  @OneOf(["online", "offline"]) state!: "online" | "offline";
}

const DISCOVERY = {
  kind: "report",
  writer: "home-assistant",
  audience: "public",
  qos: 1,
  retain: true,
  maxBytes: 524_288,
} as const;

/**
 * The contracts of discovery.
 * @param root Home Assistant's discovery prefix and a slash; another one than {@link HOME_ASSISTANT_ROOT} is allowed
 *   on brokers that are not ours only
 */
export function homeAssistantContracts(root: string = HOME_ASSISTANT_ROOT) {
  return {
    /** `homeassistant/device/outrider_node_n1/config`: a device, for releases from 2024.11 on. */
    device: contract("{platform}/{object}/config", {
      ...DISCOVERY,
      root,
      payload: HomeAssistantConfig,
      summary: "A device of ours with all its entities.",
    }),
    /** `homeassistant/switch/outrider_node_n1/power/config`: an entity, for releases before. */
    entity: contract("{platform}/{object}/{component}/config", {
      ...DISCOVERY,
      root,
      payload: HomeAssistantConfig,
      summary: "One entity of a device of ours.",
    }),
    status: contract("status", {
      payload: HomeAssistantStatus,
      bareWord: "state",
      // Home Assistant may be configured to retain it.
      kind: "report",
      writer: "people",
      audience: "public",
      qos: 0,
      retain: true,
      will: true,
      maxBytes: 1024,
      root,
      summary: "Whether Home Assistant runs, by its own account.",
    }),
  };
}

/** What somebody else has retained stands on the same topics: for reading alone. */
export function homeAssistantDocuments(root: string = HOME_ASSISTANT_ROOT) {
  const reading = { ...DISCOVERY, root, payload: HomeAssistantDocument } as const;
  return {
    device: contract("{platform}/{object}/config", { ...reading, summary: "Any device." }),
    entity: contract("{platform}/{object}/{component}/config", {
      ...reading,
      summary: "Any entity.",
    }),
  };
}

export const HOME_ASSISTANT_CONTRACTS: readonly AnyContract[] =
  Object.values(homeAssistantContracts());

const NODE_OBJECT = "outrider_node_";

/** The level of a discovery topic that tells devices of ours from everybody else's. */
export function homeAssistantObject(kind: "node" | "agent" | "site", id: string): string {
  return `outrider_${kind}_${id}`;
}

/** The node that a discovery topic is about, if it is about one. */
export function nodeOfDiscovery(topic: string): string | undefined {
  const object = topic.startsWith(HOME_ASSISTANT_ROOT) ? topic.split("/", 3)[2] : undefined;
  return object?.startsWith(NODE_OBJECT) ? object.slice(NODE_OBJECT.length) : undefined;
}

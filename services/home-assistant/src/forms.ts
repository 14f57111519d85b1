import {
  homeAssistantObject,
  type HomeAssistantComponent,
  type HomeAssistantConfig,
} from "@outrider/contracts/home-assistant";
import type { Device, Entity } from "./entities/device.js";

/**
 * How Home Assistant is told: `device`, one message for a device, read since 2024.11; `entity`, one for each entity, for
 * releases before.
 */
export const FORMS = ["device", "entity"] as const;
export type Form = (typeof FORMS)[number];

/** What stands on one discovery topic. */
export interface Document {
  /** The levels of the topic between the prefix and `config`: platform, object and, of an entity, its key. */
  readonly levels: readonly [platform: string, object: string, component?: string];
  readonly config: HomeAssistantConfig;
}

/** Only what stands on topics with this in them is ours. */
const OUR_OBJECT = /^outrider_(node|agent|site)_/;

export function isOurs(object: string): boolean {
  return OUR_OBJECT.test(object);
}

export function objectOf({ kind, id }: Pick<Device, "kind" | "id">): string {
  return homeAssistantObject(kind, id);
}

/** The form of a document, told by its topic. */
export function formOf({ levels }: Pick<Document, "levels">): Form {
  return levels[2] === undefined ? "device" : "entity";
}

/** A name for a document's topic. */
export function keyOf({ levels }: Pick<Document, "levels">): string {
  return levels.filter((level) => level !== undefined).join("/");
}

/** The documents that say everything of a device. Pure. */
export function documentsOf(device: Device, form: Form, version: string): Document[] {
  const object = objectOf(device);
  const shared = {
    device: { identifiers: [object], name: device.name, ...device.about },
    origin: { name: "Outrider", sw_version: version },
  };
  if (form === "device") {
    const components = Object.fromEntries(
      device.entities.map((entity) => [
        entity.key,
        { platform: entity.platform, ...component(device, entity, form) },
      ]),
    );
    return [{ levels: ["device", object], config: { ...shared, components } }];
  }
  return device.entities.map((entity) => ({
    levels: [entity.platform, object, entity.key],
    config: { ...component(device, entity, form), ...shared },
  }));
}

function component(
  device: Device,
  { key, platform, config }: Entity,
  form: Form,
): HomeAssistantComponent {
  if (platform === "device_automation") return config;
  const suggested = entityId(device, key);
  return {
    ...config,
    unique_id: `${objectOf(device)}_${key}`,
    // Older releases know the one, newer ones the other, and warn of what they do not know any more.
    ...(form === "entity"
      ? { object_id: suggested }
      : { default_entity_id: `${platform}.${suggested}` }),
  };
}

/** What the entity is called in automations, unless a person calls it something else. It does not follow the name. */
function entityId({ kind, id }: Device, key: string): string {
  const of = kind === "node" ? id : kind === "agent" ? `agent_${id}` : "outrider";
  return `${of}_${key}`.replaceAll("-", "_");
}

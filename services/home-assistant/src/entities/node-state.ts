import { CONSOLE_STAGES, consoleState } from "@outrider/contracts/console";
import { nodeStatus } from "@outrider/contracts/node";
import { HOST_VALUES, powerState, SUPPLY_VALUES } from "@outrider/contracts/power";
import type { Entity } from "./device.js";
import { lookup, nodeTopic, whileWritten } from "./topics.js";

/** What the power service says of a node: measured, with its evidence. */
export function powerEntities(node: string): Entity[] {
  const topic = nodeTopic(powerState, node);
  const availability = [whileWritten(powerState)];
  const measured = (
    key: "supply" | "host",
    name: string,
    values: readonly string[],
    icon: string,
  ): Entity => ({
    key,
    platform: "sensor",
    config: {
      name,
      icon,
      device_class: "enum",
      options: [...values],
      state_topic: topic,
      value_template: `{{ value_json.${key}.value }}`,
      json_attributes_topic: topic,
      json_attributes_template: `{{ {'evidence': value_json.${key}.evidence, 'since': value_json.${key}.since, 'problem': value_json.problem | default(none)} | to_json }}`,
      entity_category: "diagnostic",
      availability,
    },
  });
  return [
    measured("supply", "Supply", SUPPLY_VALUES, "mdi:power-plug"),
    measured("host", "Host", HOST_VALUES, "mdi:server"),
    {
      key: "power_fault",
      platform: "binary_sensor",
      config: {
        name: "Power fault",
        device_class: "problem",
        state_topic: topic,
        value_template: "{{ 'ON' if value_json.fault is defined else 'OFF' }}",
        json_attributes_topic: topic,
        json_attributes_template: "{{ {'fault': value_json.fault | default(none)} | to_json }}",
        entity_category: "diagnostic",
        availability,
      },
    },
  ];
}

/** Whether a node can be managed, is alive and is well. */
export function statusEntities(node: string, hasHeartbeat: boolean): Entity[] {
  const topic = nodeTopic(nodeStatus, node);
  const availability = [whileWritten(nodeStatus)];
  const entities: Entity[] = [
    {
      key: "problem",
      platform: "binary_sensor",
      config: {
        name: "Problem",
        device_class: "problem",
        state_topic: topic,
        value_template: lookup({ OK: "OFF", Warning: "ON", Critical: "ON" }, "value_json.health"),
        json_attributes_topic: topic,
        json_attributes_template: "{{ {'health': value_json.health} | to_json }}",
        availability,
      },
    },
    {
      key: "management",
      platform: "binary_sensor",
      config: {
        name: "Management",
        device_class: "connectivity",
        state_topic: topic,
        value_template: lookup({ Available: "ON", Unavailable: "OFF" }, "value_json.management"),
        entity_category: "diagnostic",
        availability,
      },
    },
  ];
  if (hasHeartbeat) {
    entities.unshift({
      key: "connectivity",
      platform: "binary_sensor",
      config: {
        name: "Alive",
        device_class: "connectivity",
        state_topic: topic,
        value_template: lookup({ Alive: "ON", Silent: "OFF" }, "value_json.liveness"),
        availability,
      },
    });
  }
  return entities;
}

/** How far the machine has come, as its console shows. */
export function consoleStage(node: string): Entity {
  return {
    key: "console_stage",
    platform: "sensor",
    config: {
      name: "Console stage",
      icon: "mdi:console",
      device_class: "enum",
      options: [...CONSOLE_STAGES],
      state_topic: nodeTopic(consoleState, node),
      value_template: "{{ value_json.stage.value | default('unknown', true) }}",
      entity_category: "diagnostic",
      availability: [whileWritten(consoleState)],
    },
  };
}

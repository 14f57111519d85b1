import { agentDescription, agentStatus } from "@outrider/contracts/agent";
import { topicOf } from "@outrider/contracts/contract";
import { serviceStatus } from "@outrider/contracts/service";
import { agentHealth, siteHealth } from "@outrider/contracts/telemetry";
import type { Device, Entity } from "./device.js";
import { SITE_OBJECT } from "./node-device.js";
import { lookup, whileWritten } from "./topics.js";

/** An agent: nodes are reached by way of it. */
export function agentDevice(agent: string, version: string | undefined): Device {
  return {
    kind: "agent",
    id: agent,
    name: `Agent ${agent}`,
    about: {
      manufacturer: "Outrider",
      model: "Agent",
      ...(version === undefined ? {} : { sw_version: version }),
      via_device: SITE_OBJECT,
    },
    entities: [
      problem(topicOf(agentHealth, { agent }), agentHealth),
      {
        key: "connection",
        platform: "binary_sensor",
        config: {
          name: "Connection",
          device_class: "connectivity",
          state_topic: topicOf(agentStatus, { agent }),
          value_template: "{{ 'ON' if value_json.state == 'ready' else 'OFF' }}",
          entity_category: "diagnostic",
        },
      },
      {
        key: "failed_endpoints",
        platform: "sensor",
        config: {
          name: "Failed endpoints",
          icon: "mdi:cable-data",
          state_class: "measurement",
          state_topic: topicOf(agentDescription, { agent }),
          value_template:
            "{{ value_json.endpoints | selectattr('state', 'eq', 'failed') | list | count }}",
          entity_category: "diagnostic",
        },
      },
    ],
    complete: true,
  };
}

/** The site: agents are reached by way of it, and its services stand on it. */
export function siteDevice(
  name: string,
  version: string | undefined,
  services: readonly string[],
  url?: string,
): Device {
  return {
    kind: "site",
    id: "outrider",
    name,
    about: {
      manufacturer: "Outrider",
      model: "Site",
      ...(version === undefined ? {} : { sw_version: version }),
      ...(url === undefined ? {} : { configuration_url: url }),
    },
    entities: [problem(topicOf(siteHealth, {}), siteHealth), ...services.map(serviceEntity)],
    // A service that has not spoken yet may still come.
    complete: false,
  };
}

/** Whether an alarm stands, and which ones. */
function problem(topic: string, contract: { readonly writers: readonly string[] }): Entity {
  return {
    key: "problem",
    platform: "binary_sensor",
    config: {
      name: "Problem",
      device_class: "problem",
      state_topic: topic,
      value_template: lookup({ OK: "OFF", Warning: "ON", Critical: "ON" }, "value_json.health"),
      json_attributes_topic: topic,
      json_attributes_template:
        "{{ {'health': value_json.health, 'alarms': value_json.alarms} | to_json }}",
      availability: [whileWritten(contract)],
    },
  };
}

function serviceEntity(service: string): Entity {
  const topic = topicOf(serviceStatus, { service });
  return {
    key: `service_${service.replaceAll("-", "_")}`,
    platform: "binary_sensor",
    config: {
      name: `Service ${service}`,
      device_class: "connectivity",
      state_topic: topic,
      value_template: "{{ 'ON' if value_json.state in ['ready', 'degraded'] else 'OFF' }}",
      json_attributes_topic: topic,
      json_attributes_template: "{{ {'state': value_json.state} | to_json }}",
      entity_category: "diagnostic",
    },
  };
}

import type { Quantity } from "@outrider/contracts/reading";
import { nodeTelemetry } from "@outrider/contracts/telemetry";
import type { Entity } from "./device.js";
import type { SensorFacts } from "./node-facts.js";
import { entityOfQuantity } from "./quantities.js";
import { nodeTopic, quoted, whileWritten } from "./topics.js";

/** Every quantity of every sensor of a node. What is absent is unknown, and what is not heard of in time unavailable. */
export function sensorEntities(node: string, sensors: readonly SensorFacts[]): Entity[] {
  return sensors.flatMap((sensor) =>
    sensor.quantities.map((quantity) => sensorEntity(node, sensor, quantity)),
  );
}

function sensorEntity(node: string, sensor: SensorFacts, quantity: Quantity): Entity {
  const shown = entityOfQuantity(quantity);
  const value = `value_json.get(${quoted(sensor.name)}, {}).get(${quoted(quantity)})`;
  return {
    key: `${sensor.name}_${shown.key}`,
    platform: shown.platform,
    config: {
      name: `${capital(sensor.name.replaceAll("-", " "))} ${shown.name}`,
      state_topic: nodeTopic(nodeTelemetry, node),
      value_template:
        shown.platform === "sensor"
          ? `{{ ${value} }}`
          : `{{ {${shown.inverted ? 0 : 1}: 'ON', ${shown.inverted ? 1 : 0}: 'OFF'}.get(${value}, 'None') }}`,
      expire_after: Math.max(1, Math.ceil(sensor.staleAfterMs / 1000)),
      ...(shown.deviceClass === undefined ? {} : { device_class: shown.deviceClass }),
      ...(shown.stateClass === undefined ? {} : { state_class: shown.stateClass }),
      ...(shown.unit === undefined ? {} : { unit_of_measurement: shown.unit }),
      ...(shown.precision === undefined ? {} : { suggested_display_precision: shown.precision }),
      ...(shown.icon === undefined ? {} : { icon: shown.icon }),
      ...(shown.hidden ? { enabled_by_default: false } : {}),
      ...(shown.platform === "binary_sensor" ? { entity_category: "diagnostic" as const } : {}),
      availability: [whileWritten(nodeTelemetry)],
    },
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

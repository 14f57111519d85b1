import { identifySet } from "@outrider/contracts/identify";
import type { NodeDescription } from "@outrider/contracts/node";
import { powerSet, powerState, type Action } from "@outrider/contracts/power";
import type { Entity } from "./device.js";
import { nodeTopic, whileManaged, whileWritten } from "./topics.js";

/**
 * What people may do with a node. Each press makes an id of its own, so that a message which is delivered twice acts
 * once; asked for again after a connection was lost, it is the same message with the same id.
 */

interface ActionButton {
  readonly name: string;
  readonly icon: string;
  readonly deviceClass?: string;
}

/** Every action but those of the switch, in the order in which people see them. */
const BUTTONS: Readonly<Record<Action, ActionButton>> = {
  On: { name: "Power on", icon: "mdi:power-on" },
  GracefulShutdown: { name: "Shut down", icon: "mdi:power" },
  GracefulRestart: { name: "Restart", icon: "mdi:restart", deviceClass: "restart" },
  ForceRestart: { name: "Reset", icon: "mdi:restart-alert", deviceClass: "restart" },
  PowerCycle: { name: "Power cycle", icon: "mdi:power-cycle", deviceClass: "restart" },
  ForceOff: { name: "Force off", icon: "mdi:power-off" },
  PushPowerButton: { name: "Push power button", icon: "mdi:gesture-tap-button" },
  Nmi: { name: "Non-maskable interrupt", icon: "mdi:alert-octagon" },
};

/** Seconds for which the lamp shines after a press. */
const IDENTIFY_SECONDS = 30;

/** A sequence of digits that no other press has. */
const PRESS_ID = "ha-{{ now().timestamp() }}-{{ range(100000) | random }}";

/** What Home Assistant renders for one command, `action` being a template or a word. */
function command(action: string): string {
  return `{"action": "${action}", "id": "${PRESS_ID}"}`;
}

/** A halted host on a live supply is off for whoever looks at a switch. On its way between, it stays what it was. */
const SWITCH_STATE =
  "{% set supply = value_json.supply.value %}" +
  "{{ 'Off' if supply == 'Off' or (supply == 'On' and value_json.host.value == 'Halted')" +
  " else 'On' if supply == 'On' else '' if supply in ['PoweringOn', 'PoweringOff'] else 'None' }}";

/** Whether a node is switched by one switch: on by `On`, off by asking its system to shut down, never by force. */
export function hasSwitch({
  supportedActions,
}: Pick<NodeDescription, "supportedActions">): boolean {
  return supportedActions.includes("On") && supportedActions.includes("GracefulShutdown");
}

/** The controls of a node that Home Assistant may act on. */
export function controlsOf(description: NodeDescription): Entity[] {
  const { id: node, supportedActions, interfaces } = description;
  const asked = { qos: 1, retain: false };
  const controllable = {
    availability: [whileWritten(powerState), whileManaged(node)],
    availability_mode: "all" as const,
    ...asked,
  };
  const switched = hasSwitch(description);
  const entities: Entity[] = [];
  if (switched) {
    entities.push({
      key: "power",
      platform: "switch",
      config: {
        name: "Power",
        icon: "mdi:server",
        state_topic: nodeTopic(powerState, node),
        value_template: SWITCH_STATE,
        state_on: "On",
        state_off: "Off",
        command_topic: nodeTopic(powerSet, node),
        payload_on: "On",
        payload_off: "GracefulShutdown",
        command_template: command("{{ value }}"),
        optimistic: false,
        ...controllable,
      },
    });
  }
  for (const [action, { name, icon, deviceClass }] of Object.entries(BUTTONS)) {
    if (!supportedActions.includes(action as Action)) continue;
    if (switched && (action === "On" || action === "GracefulShutdown")) continue;
    entities.push({
      key: action.replaceAll(/(?!^)[A-Z]/g, "_$&").toLowerCase(),
      platform: "button",
      config: {
        name,
        icon,
        ...(deviceClass === undefined ? {} : { device_class: deviceClass }),
        command_topic: nodeTopic(powerSet, node),
        payload_press: action,
        command_template: command("{{ value }}"),
        ...controllable,
      },
    });
  }
  if (interfaces.identify) {
    entities.push({
      key: "identify",
      platform: "button",
      config: {
        name: "Identify",
        device_class: "identify",
        command_topic: nodeTopic(identifySet, node),
        payload_press: String(IDENTIFY_SECONDS),
        // The same service answers, but management looks at the supply, which a node with a lamp need not have.
        availability: [whileWritten(powerState)],
        ...asked,
        entity_category: "diagnostic",
      },
    });
  }
  return entities;
}

/** Whether the node is switched on, for those who may only look. */
export function powerIndicator(node: string): Entity {
  return {
    // Not the switch's key: an entity that changes its platform would be two.
    key: "powered",
    platform: "binary_sensor",
    config: {
      name: "Power",
      device_class: "power",
      state_topic: nodeTopic(powerState, node),
      value_template: SWITCH_STATE,
      payload_on: "On",
      payload_off: "Off",
      availability: [whileWritten(powerState)],
    },
  };
}

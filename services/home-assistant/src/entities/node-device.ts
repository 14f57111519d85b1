import type { NodeDescription } from "@outrider/contracts/node";
import { homeAssistantObject } from "@outrider/contracts/home-assistant";
import type { Device } from "./device.js";
import { controlsOf, hasSwitch, powerIndicator } from "./node-control.js";
import { eventEntities } from "./node-events.js";
import { accessOf, AREA_LABEL, type NodeFacts } from "./node-facts.js";
import { sensorEntities } from "./node-sensors.js";
import { consoleStage, powerEntities, statusEntities } from "./node-state.js";

/**
 * A node as Home Assistant shows it; undefined where it shall not.
 * @param url of the page that shows the site
 */
export function nodeDevice(facts: NodeFacts, url?: string): Device | undefined {
  const { description, sensors, hasHeartbeat, complete } = facts;
  const { id, name, interfaces } = description;
  const access = accessOf(description);
  if (access === "hidden") return undefined;
  const controls = access === "control" ? controlsOf(description) : [];
  const isSwitched = access === "control" && hasSwitch(description);
  return {
    kind: "node",
    id,
    name,
    about: aboutOf(description, url),
    entities: [
      ...controls,
      ...(interfaces.power && !isSwitched ? [powerIndicator(id)] : []),
      ...(interfaces.power ? powerEntities(id) : []),
      ...statusEntities(id, hasHeartbeat),
      ...(interfaces.console ? [consoleStage(id)] : []),
      ...sensorEntities(id, sensors),
      ...eventEntities(id),
    ],
    complete,
  };
}

function aboutOf(
  { labels, firmware, interfaces }: NodeDescription,
  url: string | undefined,
): Record<string, string> {
  const area = labels[AREA_LABEL];
  const bindings = Object.values(interfaces).flat();
  const agent = (interfaces.power ?? bindings)[0]?.agent;
  return {
    ...(firmware === undefined ? {} : { model: firmware }),
    ...(area === undefined ? {} : { suggested_area: area }),
    ...(url === undefined ? {} : { configuration_url: url }),
    via_device: agent === undefined ? SITE_OBJECT : homeAssistantObject("agent", agent),
  };
}

export const SITE_OBJECT = homeAssistantObject("site", "outrider");

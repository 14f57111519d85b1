import { isVisibleTo, type Subject } from "@outrider/identity/subject";
import type { GatewayParts } from "../parts.js";
import type { Exposition } from "./exposition.js";

/** In one scrape: a site on which everything fails is told by its worst. */
export const MOST_ALARMS = 1000;

/**
 * Alarms that stand, each by its name: first those of agents, power domains and services, for those who may see them,
 * then the worst of nodes.
 */
export function tellAlarms(
  told: Exposition,
  subject: Subject,
  { mirror }: Pick<GatewayParts, "mirror">,
): void {
  const ofSite = subject.nodes === undefined ? mirror.siteAlarms() : [];
  const ofNodes = mirror
    .nodeIds()
    .filter((id) => isVisibleTo(subject, id))
    .flatMap((id) =>
      [...(mirror.node(id)?.alarms?.value.values() ?? [])].map((alarm) => ({
        subject: `node:${id}`,
        alarm,
      })),
    );
  const isWorst = ({ alarm }: (typeof ofNodes)[number]): boolean => alarm.severity === "Critical";
  const standing = [
    ...ofSite,
    ...ofNodes.filter(isWorst),
    ...ofNodes.filter((one) => !isWorst(one)),
  ];
  const tell = told.declare(
    "outrider_alarm",
    "gauge",
    "1: an alarm that stands, of an agent, a power domain, a service or a node.",
  );
  for (const one of standing.slice(0, MOST_ALARMS)) {
    const { id, severity } = one.alarm;
    tell(1, { subject: one.subject, alarm: id, severity });
  }
  told.declare(
    "outrider_alarms_not_named",
    "gauge",
    "Alarms that stand and are too many to be told by name.",
  )(Math.max(0, standing.length - MOST_ALARMS));
}

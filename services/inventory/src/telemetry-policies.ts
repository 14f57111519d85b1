import {
  MAX_PROFILES,
  telemetryPolicy,
  type TelemetryPolicy,
} from "@outrider/contracts/telemetry-policy";
import type { Report } from "./site-problem.js";
import type { Site } from "./site.js";

/** What is published of alarms and notifications. */
export function telemetryPolicyOf({
  name,
  alarms,
  notifications,
}: Pick<Site, "name" | "alarms" | "notifications">): TelemetryPolicy {
  return {
    site: name,
    profiles: alarms.profiles.map((rules) => ({ rules: { ...rules } })),
    nodes: Object.fromEntries(alarms.nodes),
    siteRules: { ...alarms.site },
    notifications,
  };
}

/** What must fit together for alarms. */
export function alarmProblems(site: Site, report: Report): void {
  alarmsAreToldApart(site, report);
  if (site.alarms.profiles.length > MAX_PROFILES) {
    report(
      ["alarms"],
      `nodes have ${site.alarms.profiles.length} different sets of rules; expected at most ${MAX_PROFILES}: say of roles what many nodes have in common`,
    );
  }
  const { maxBytes } = telemetryPolicy;
  if (Buffer.byteLength(JSON.stringify(telemetryPolicyOf(site))) > maxBytes) {
    report(
      ["alarms"],
      `what is declared of alarms has more than ${maxBytes} bytes, which is what a message holds; say of roles what many nodes have in common`,
    );
  }
}

/** An alarm is called by its rule and, where the rule is about any sensor, that: two may come to one name. */
function alarmsAreToldApart({ nodes, alarms }: Site, report: Report): void {
  const risky = alarms.profiles.map((rules) => {
    const names = Object.keys(rules);
    return names.some((one) => names.some((other) => other.startsWith(`${one}-`)));
  });
  for (const { id, endpoints } of nodes) {
    const index = alarms.nodes.get(id) ?? -1;
    if (!risky[index]) continue;
    const sensors = endpoints
      .filter(({ kind }) => kind === "sensor")
      .map(({ endpoint }) => endpoint.split(".")[2] ?? "");
    const taken = new Map<string, string>();
    for (const [name, { sensor }] of Object.entries(alarms.profiles[index] ?? {})) {
      const own = sensor === undefined ? sensors.map((one) => `${name}-${one}`) : [name];
      for (const alarm of new Set([...own, name])) {
        const first = taken.get(alarm);
        if (first !== undefined) {
          report(
            ["nodes", id],
            `rules ${first} and ${name} would both have an alarm ${alarm}; expected another name of a rule or of a sensor`,
          );
        }
        taken.set(alarm, name);
      }
    }
  }
}

import { OFF, type SiteAlarm, type SiteNotifications } from "@outrider/contracts/site-alarms";
import type { SiteFile } from "@outrider/contracts/site-file";
import { quoted, type Report, type SitePath } from "./site-problem.js";
import type { DeclaredNode, Site } from "./site.js";

type Given = Readonly<Record<string, SiteAlarm | typeof OFF>> | undefined;

interface Sensor {
  readonly name: string;
  readonly driver: string;
}

/** Rules that watch nothing and channels that tell nobody, as the site stands. */
export function alarmWarnings(
  { alarms, roles, nodes, notifications }: SiteFile,
  site: Pick<Site, "nodes">,
  warn: Report,
): void {
  rulesWatchSomething(alarms, site.nodes, ["alarms"], warn);
  for (const [id, role] of Object.entries(roles ?? {})) {
    const own = site.nodes.filter((node) => node.roles.includes(id));
    // A role that no node has yet has nothing to watch in any case.
    if (own.length > 0) rulesWatchSomething(role.alarms, own, ["roles", id, "alarms"], warn);
  }
  for (const node of site.nodes)
    rulesWatchSomething(nodes[node.id]?.alarms, [node], ["nodes", node.id, "alarms"], warn);
  channelsAreRouted(notifications, warn);
}

function rulesWatchSomething(
  given: Given,
  nodes: readonly DeclaredNode[],
  path: SitePath,
  warn: Report,
): void {
  const rules = Object.entries(given ?? {});
  if (rules.length === 0) return;
  const all = nodes.flatMap(sensorsOf);
  for (const [rule, alarm] of rules) {
    if (alarm === OFF) continue;
    const { sensor, drivers } = alarm;
    const named = sensor === undefined ? all : all.filter(({ name }) => name === sensor);
    if (sensor !== undefined && named.length === 0) {
      const known = listOf(all.map(({ name }) => name));
      warn(
        [...path, rule, "sensor"],
        `no node here has a sensor ${quoted(sensor)}, so nothing is watched; ${known}`,
      );
    } else if (drivers && !named.some(({ driver }) => drivers.includes(driver))) {
      const known = listOf(named.map(({ driver }) => driver));
      warn(
        [...path, rule, "drivers"],
        `no sensor here is by ${drivers.join(" or ")}, so nothing is watched; ${known}`,
      );
    }
  }
}

function sensorsOf({ endpoints }: DeclaredNode): Sensor[] {
  return endpoints
    .filter(({ kind }) => kind === "sensor")
    .map(({ endpoint, driver }) => ({ name: endpoint.split(".")[2] ?? "", driver }));
}

function listOf(names: readonly string[]): string {
  const all = [...new Set(names)].toSorted();
  if (all.length === 0) return "there is no sensor";
  return `there is ${all.slice(0, 20).join(", ")}${all.length > 20 ? ", …" : ""}`;
}

/** Without any route everything goes every way. */
function channelsAreRouted(notifications: SiteNotifications | undefined, warn: Report): void {
  const { channels, routes } = notifications ?? {};
  if (!routes) return;
  const routed = new Set(Object.values(routes).flatMap((route) => route.channels));
  for (const name of Object.keys(channels ?? {})) {
    if (routed.has(name)) continue;
    warn(
      ["notifications", "channels", name],
      "stands in no route, so nobody is told by it; add it to the channels of one",
    );
  }
}

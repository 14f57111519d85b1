import type { NodeId } from "@outrider/contracts/ids";
import type { SiteNotifications } from "@outrider/contracts/site-alarms";
import type {
  EmailChannel,
  NotificationChannel,
  NotificationPolicy,
  NotificationRoute,
  ServiceSecret,
} from "@outrider/contracts/telemetry-policy";
import { resolveNodes, type KnownNode } from "./node-sets.js";
import { readDuration } from "./site-durations.js";
import { quoted, type Report, type SitePath } from "./site-problem.js";

const WAYS = ["webhook", "email", "ntfy"] as const;

/** Reads who is told of alarms, with every default filled in. Without routes everything goes every way. */
export function readNotifications(
  declared: SiteNotifications | undefined,
  universe: ReadonlyMap<NodeId, KnownNode>,
  report: Report,
): NotificationPolicy {
  const path = ["notifications"];
  const { channels = {}, routes, groupWithin, repeatAfter } = declared ?? {};
  for (const [name, channel] of Object.entries(channels)) {
    channelCanBeUsed(channel, [...path, "channels", name], report);
  }
  const all = { everything: { channels: Object.keys(channels) } };
  const given = routes ?? (Object.keys(channels).length > 0 ? all : {});
  return {
    channels: { ...channels },
    routes: Object.fromEntries(
      Object.entries(given).map(([name, route]) => [
        name,
        readRoute(route, channels, universe, [...path, "routes", name], report),
      ]),
    ),
    groupWithinMs: readDuration("groupWithin", groupWithin, path, report),
    repeatAfterMs: readDuration("repeatAfter", repeatAfter, path, report),
  };
}

function readRoute(
  route: NonNullable<SiteNotifications["routes"]>[string],
  channels: Readonly<Record<string, unknown>>,
  universe: ReadonlyMap<NodeId, KnownNode>,
  path: SitePath,
  report: Report,
): NotificationRoute {
  const { severity = "Warning", nodes } = route;
  for (const [index, name] of route.channels.entries()) {
    if (Object.hasOwn(channels, name)) continue;
    const known = Object.keys(channels);
    report(
      [...path, "channels", index],
      `channel ${quoted(name)} is not declared; expected ${known.length > 0 ? `one of ${known.join(", ")}` : "one that stands under channels"}`,
    );
  }
  if (route.channels.length === 0) report([...path, "channels"], "is empty; expected a channel");
  const resolved = nodes === undefined ? undefined : resolveNodes(nodes, universe);
  if (resolved?.ok === false) report([...path, "nodes"], `${quoted(nodes)}: ${resolved.message}`);
  return {
    channels: [...route.channels],
    severity,
    ...(resolved?.ok ? { nodes: resolved.nodes } : {}),
  };
}

function channelCanBeUsed(channel: NotificationChannel, path: SitePath, report: Report): void {
  const ways = WAYS.filter((way) => channel[way] !== undefined);
  if (ways.length !== 1) report(path, `must have exactly one of ${WAYS.join(", ")}`);
  const { webhook, ntfy, email } = channel;
  if (webhook) urlCanBeAsked(webhook.url, [...path, "webhook"], report);
  if (ntfy && urlCanBeAsked(ntfy.url, [...path, "ntfy"], report)) {
    const topic = new URL(ntfy.url).pathname.split("/").at(-1) ?? "";
    if (!/^[\w-]{1,64}$/.test(topic)) {
      report(
        [...path, "ntfy", "url"],
        `${quoted(ntfy.url)} names no topic; expected one as the last part of the path, as in https://ntfy.sh/my-rack`,
      );
    }
  }
  if (email) mailCanBeSent(email, [...path, "email"], report);
  for (const [way, one] of [
    ["webhook", webhook?.token],
    ["ntfy", ntfy?.token],
    ["email", email?.password],
  ] as const) {
    if (one) secretIsOne(one, [...path, way, way === "email" ? "password" : "token"], report);
  }
}

function mailCanBeSent(
  { server, to, username, password }: EmailChannel,
  path: SitePath,
  report: Report,
): void {
  if (!URL.canParse(server)) {
    report(
      [...path, "server"],
      `${quoted(server)} is no server; expected one such as smtp://mail.example.org:587`,
    );
  }
  if (to.length === 0) report([...path, "to"], "is empty; expected an address");
  if ((username === undefined) !== (password === undefined)) {
    report(path, "has username or password alone; expected both or none");
  }
}

function urlCanBeAsked(url: string, path: SitePath, report: Report): boolean {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && parsed.username === "" && parsed.password === "") return true;
  report(
    [...path, "url"],
    parsed
      ? "holds credentials, which whoever reads the site would see; expected a token in their place"
      : `${quoted(url)} is not a URL; expected one such as https://hook.example.org/alarms`,
  );
  return false;
}

function secretIsOne({ file, env }: ServiceSecret, path: SitePath, report: Report): void {
  if ((file === undefined) === (env === undefined))
    report(path, "must have exactly one of file, env");
}

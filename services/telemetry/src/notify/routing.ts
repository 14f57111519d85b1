import type { NotificationPolicy } from "@outrider/contracts/telemetry-policy";
import { nodeOfSubject, type Alarm } from "../alarms/alarm.js";

/** Finds the channels by which an alarm is told. */
export class Routing {
  readonly #routes: readonly {
    readonly channels: readonly string[];
    readonly isCriticalOnly: boolean;
    readonly nodes: ReadonlySet<string> | undefined;
  }[];

  constructor({ routes, channels }: Pick<NotificationPolicy, "routes" | "channels">) {
    this.#routes = Object.values(routes).map((route) => ({
      channels: route.channels.filter((name) => Object.hasOwn(channels, name)),
      isCriticalOnly: route.severity === "Critical",
      nodes: route.nodes && new Set<string>(route.nodes),
    }));
  }

  /** @returns whether an alarm of now goes this way; one that was told and has become less is told of its end only */
  channelsOf({
    severity,
    subject,
    place,
  }: Pick<Alarm, "severity" | "subject" | "place">): Set<string> {
    const node = nodeOfSubject(subject);
    // What is about an agent or a domain is about the nodes that hang on it.
    const nodes = node === undefined ? place.nodes : [node];
    const found = new Set<string>();
    for (const route of this.#routes) {
      if (route.isCriticalOnly && severity !== "Critical") continue;
      if (route.nodes && !nodes.some((one) => route.nodes?.has(one))) continue;
      for (const channel of route.channels) found.add(channel);
    }
    return found;
  }
}

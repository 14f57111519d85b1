import {
  AnyObject,
  Id,
  Integer,
  NestedList,
  Optional,
  Text,
  Timestamp,
} from "@outrider/contracts/decorators";
import { route } from "../http/route.js";
import type { Numbered } from "../live/happenings.js";
import { LiveFilter } from "../live/live-filter.js";

/** Something that happened. */
export class EventView {
  @Text(64) id!: string;
  @Timestamp() at!: string;
  /** `result`, `event`, `transition`, `lock`, `site`, `proposal` … */
  @Id() kind!: string;
  @Optional() @Id() node?: string;
  @Optional() @Id() service?: string;
  /** As the topic that it came on says. */
  @AnyObject() data!: Record<string, unknown>;
}

/** Newest first. */
export class EventPage {
  @NestedList(() => EventView, 1000) events!: EventView[];
}

export class EventsQuery {
  /** Node set. */
  @Optional() @Text(8000) nodes?: string;
  /** Kinds, separated by commas. */
  @Optional() @Text(500) kinds?: string;
  @Optional() @Integer(1, 1000) limit?: number;
}

function eventOf({ id, at, kind, node, service, data }: Numbered): EventView {
  return {
    id,
    at,
    kind,
    ...(node === undefined ? {} : { node }),
    ...(service === undefined ? {} : { service }),
    data: data as Record<string, unknown>,
  };
}

export const EVENT_ROUTES = [
  route({
    method: "GET",
    path: "/events/recent",
    id: "listEvents",
    tag: "events",
    summary: "The last things that happened since the gateway started, as many as it keeps.",
    right: "read",
    query: EventsQuery,
    reply: EventPage,
    statuses: { 200: "The last events." },
    problems: [422],
    handle: ({ query, subject }, { mirror, happenings }) => {
      const filter = new LiveFilter(query, subject, mirror);
      const events = happenings
        .all()
        .toReversed()
        .filter((one) => filter.happening(one))
        .slice(0, query.limit ?? 100)
        .map(eventOf);
      return { body: { events } };
    },
  }),
];

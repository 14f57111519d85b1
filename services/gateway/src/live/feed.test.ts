import { milliseconds, seconds } from "@outrider/contracts/clock";
import type { ConsoleState } from "@outrider/contracts/console";
import type { NodeDescription } from "@outrider/contracts/node";
import type { Subject } from "@outrider/identity/subject";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { expect, it } from "vitest";
import { Mirror } from "../mirror/mirror.js";
import { alarmOf } from "../testing/telemetry-stand-in.js";
import { Feed, type Told } from "./feed.js";
import { Happenings } from "./happenings.js";
import { LiveFilter, type LiveWish } from "./live-filter.js";

const NODE = { id: "n1", name: "n1", roles: [], labels: {}, supportedActions: [], interfaces: {} };

function state(second: number, more: object = {}): ConsoleState {
  const at = new Date(second * 1000).toISOString();
  const since = new Date(0).toISOString();
  return {
    link: { value: "Up", since },
    stage: { value: "login", since },
    viewers: 0,
    lastByteAt: at,
    observedAt: at,
    staleAfterMs: 60_000,
    ...more,
  };
}

it("tells of a console that talks now and then, and of one that changes at once", async () => {
  const clock = new VirtualClock();
  const mirror = new Mirror(clock);
  mirror.hear("n1", "description", NODE as unknown as NodeDescription);
  mirror.hear("n1", "console", state(0));
  const told: Told[] = [];
  const sink = { send: (one: Told) => void told.push(one), backlogBytes: 0, drop: () => undefined };
  const subject = { kind: "person", name: "a", rights: ["read"] } as const;
  const filter = new LiveFilter({ kinds: "node" }, subject, mirror);
  using feed = new Feed({ mirror, happenings: new Happenings(clock), clock }, filter, sink);
  feed.start(undefined);
  await clock.advance(seconds(1));
  const count = (): number => told.filter(({ kind }) => kind === "node").length;
  expect(count()).toBe(1);
  for (let second = 1; second <= 4; second++) {
    mirror.hear("n1", "console", state(second));
    await clock.advance(seconds(1));
  }
  expect(count()).toBe(1);
  await clock.advance(seconds(1));
  expect(count()).toBe(2);
  expect(told.at(-1)?.data).toMatchObject({ console: { lastByteAt: state(4).lastByteAt } });
  mirror.hear("n1", "console", state(6, { viewers: 1 }));
  await clock.advance(milliseconds(100));
  expect(count()).toBe(3);
  // What waits to be told at leisure is told with what is told at once, and not once more.
  mirror.hear("n1", "console", state(7, { viewers: 1 }));
  mirror.hear("n1", "console", state(8, { viewers: 2 }));
  await clock.advance(milliseconds(100));
  expect(count()).toBe(4);
  await clock.advance(seconds(10));
  expect(count()).toBe(4);
});

it("tells of alarms of the site as they turn, to those who look at the whole of it", async () => {
  const clock = new VirtualClock();
  const mirror = new Mirror(clock);
  mirror.hearSiteAlarm("domain:psu-a", "watt-budget", alarmOf("watt-budget"));
  const happenings = new Happenings(clock);
  const person = { kind: "person", name: "a", rights: ["read"] } as const;
  const heardBy = (subject: Subject, wish: LiveWish): { told: object[]; feed: Feed } => {
    const told: object[] = [];
    const send = ({ kind, data }: Told): void => void (kind === "alarm" && told.push(data));
    const sink = { send, backlogBytes: 0, drop: () => undefined };
    const feed = new Feed(
      { mirror, happenings, clock },
      new LiveFilter(wish, subject, mirror),
      sink,
    );
    feed.start(undefined);
    return { told, feed };
  };
  mirror.hear("n1", "description", NODE as unknown as NodeDescription);
  const all = heardBy(person, {});
  const others = [
    heardBy({ ...person, nodes: ["n1"] }, {}),
    heardBy(person, { nodes: "n1" }),
    heardBy(person, { kinds: "node" }),
  ];
  using stack = new DisposableStack();
  for (const { feed } of [all, ...others]) stack.use(feed);
  await clock.advance(seconds(1));
  mirror.hearSiteAlarm("agent:a", "agent-away", alarmOf("agent-away"));
  mirror.hearSiteAlarm("agent:a", "agent-away", undefined);
  mirror.hearSiteAlarm("agent:a", "agent-away", undefined);
  expect(all.told).toMatchObject([
    { subject: "domain:psu-a", id: "watt-budget", message: "too hot", stands: true },
    { subject: "agent:a", id: "agent-away", severity: "Warning", stands: true },
    { subject: "agent:a", id: "agent-away", stands: false },
  ]);
  expect(all.told).toHaveLength(3);
  expect(others.map(({ told }) => told)).toEqual([[], [], []]);
});

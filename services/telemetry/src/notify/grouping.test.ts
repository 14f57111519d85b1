import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Standing } from "../alarms/alarm.js";
import { groupsOf } from "./grouping.js";
import { messageOf, type Change } from "./message.js";
import { Routing } from "./routing.js";

const ABOUT = { id: "m1", site: "lab", at: "2026-11-23T12:00:00.000Z" };

function alarm(node: string, rule: string, more: Partial<Standing> = {}): Standing {
  return {
    seq: 1,
    subject: `node:${node}`,
    id: rule,
    rule,
    kind: "silent",
    severity: "Critical",
    message: "no sign of life for 60 s although its supply is on",
    raisedAt: ABOUT.at,
    place: { nodes: [node], agent: "rack-a", domain: "psu-a" },
    ...more,
  };
}
const raised = (one: Standing): Change => ({ alarm: one, what: "raised" });
const nodes = (count: number): string[] => Array.from({ length: count }, (_, at) => `n${at + 1}`);

describe("what comes together", () => {
  it("is one message where one thing has taken it all down", () => {
    const changes = nodes(12).map((node) => raised(alarm(node, "silent")));
    const groups = groupsOf(changes);
    expect(groups).toHaveLength(1);
    const message = messageOf(changes, groups[0]?.cause, ABOUT);
    expect(message.title).toBe("[lab] Critical: 12 nodes: n[1-12]: silent (agent rack-a)");
    expect(message.text).toBe(
      [
        "Critical silent - n[1-12]: for one: no sign of life for 60 s although its supply is on (since 2026-11-23T12:00:00Z)",
        "This is of 2026-11-23T12:00:00Z. Seen: `outrider alarms ack` with each name that `outrider alarms` has.",
      ].join("\n"),
    );
    expect(message).toMatchObject({ kind: "raised", nodes: "n[1-12]", total: 12 });
  });

  it("is one message also where rules differ and the agent is the same", () => {
    const changes = nodes(3).flatMap((node) => [
      raised(alarm(node, "silent")),
      raised(alarm(node, "readings-missing", { severity: "Warning", message: "no reading" })),
    ]);
    const groups = groupsOf(changes);
    expect(groups.map(({ cause }) => cause)).toEqual([{ kind: "agent", id: "rack-a" }]);
    expect(messageOf(changes, groups[0]?.cause, ABOUT)).toMatchObject({
      title: "[lab] Critical: 3 nodes: n[1-3]: silent, readings-missing (agent rack-a)",
      text: [
        "Critical silent - n[1-3]: for one: no sign of life for 60 s although its supply is on (since 2026-11-23T12:00:00Z)",
        "Warning readings-missing - n[1-3]: for one: no reading (since 2026-11-23T12:00:00Z)",
        "This is of 2026-11-23T12:00:00Z. Seen: `outrider alarms ack` with each name that `outrider alarms` has.",
      ].join("\n"),
    });
  });

  it("is told apart where it has nothing in common, and what is over from what is not", () => {
    const place = (agent: string): Pick<Standing, "place"> => ({ place: { nodes: [], agent } });
    const changes: Change[] = [
      raised(alarm("n1", "silent", place("a"))),
      raised(alarm("n2", "throttled", place("b"))),
      { alarm: alarm("n3", "silent", { ...place("a"), clearedAt: ABOUT.at }), what: "over" },
    ];
    const groups = groupsOf(changes);
    expect(groups.map(({ changes: inside }) => inside.length)).toEqual([1, 1, 1]);
    expect(groups.map((one) => messageOf(one.changes, one.cause, ABOUT).title)).toEqual([
      "[lab] Critical: n1: no sign of life for 60 s although its supply is on",
      "[lab] Critical: n2: no sign of life for 60 s although its supply is on",
      "[lab] Resolved: n3: no sign of life for 60 s although its supply is on",
    ]);
  });

  it("loses nothing and doubles nothing, whatever comes", () => {
    const change = fc.record({
      node: fc.constantFrom(...nodes(5)),
      rule: fc.constantFrom("silent", "throttled", "hot"),
      agent: fc.option(fc.constantFrom("a", "b"), { nil: undefined }),
      what: fc.constantFrom("raised" as const, "over" as const, "still" as const),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (all) => {
        const changes = all.map(({ node, rule, agent, what }) => ({
          alarm: alarm(node, rule, { place: { nodes: [node], agent } }),
          what,
        }));
        const told = groupsOf(changes).flatMap((group) => group.changes);
        expect(told).toHaveLength(changes.length);
        expect(new Set(told)).toEqual(new Set(changes));
        for (const { changes: inside } of groupsOf(changes))
          expect(new Set(inside.map(({ what }) => what)).size).toBe(1);
      }),
    );
  });

  it("is one line in its title, whatever a device says", () => {
    const nasty = alarm("n1", "power-fault", { message: "bad\r\nBcc: everybody\u0007\u202e" });
    const { title, text } = messageOf([raised(nasty)], undefined, ABOUT);
    expect(title).toBe("[lab] Critical: n1: bad Bcc: everybody ");
    expect(text.split("\n")).toHaveLength(2);
  });

  it("says of when it is, since when what it tells stands or from when to when it stood, and how it is seen", () => {
    const one = alarm("n1", "silent", { message: "m", raisedAt: "2026-11-23T08:00:00.123Z" });
    const two = alarm("n2", "silent", { message: "m", raisedAt: "2026-11-23T09:00:00.000Z" });
    const away = alarm("n1", "away", { subject: "agent:rack-a", id: "agent-away", message: "m" });
    const textOf = (what: Change["what"], ...alarms: Standing[]): string[] =>
      messageOf(
        alarms.map((each) => ({ alarm: each, what })),
        undefined,
        ABOUT,
      ).text.split("\n");
    const of = "This is of 2026-11-23T12:00:00Z.";
    expect(textOf("still", one)).toEqual([
      "Critical silent - n1: m (since 2026-11-23T08:00:00Z)",
      `${of} Seen: \`outrider alarms ack n1/silent\``,
    ]);
    expect(textOf("raised", away)[1]).toBe(
      `${of} Seen: \`outrider alarms ack agent:rack-a/agent-away\``,
    );
    expect(textOf("raised", two, one)[0]).toBe(
      "Critical silent - n[1-2]: for one: m (the first since 2026-11-23T08:00:00Z)",
    );
    const over = { clearedAt: "2026-11-23T11:00:00.000Z" };
    expect(textOf("over", { ...one, ...over })).toEqual([
      "over silent - n1: m (2026-11-23T08:00:00Z to 2026-11-23T11:00:00Z)",
      of,
    ]);
  });
});

describe("which way an alarm goes", () => {
  const routing = new Routing({
    channels: { mail: {}, phone: {} },
    routes: {
      all: { channels: ["mail"], severity: "Warning" },
      night: { channels: ["phone", "gone"], severity: "Critical", nodes: ["n1" as never] },
    },
  });
  const ways = (one: Partial<Standing>): string[] => [
    ...routing.channelsOf({ ...alarm("n1", "silent"), ...one }),
  ];

  it("follows from its severity and its node, and from what hangs on an agent or a domain", () => {
    expect(ways({})).toEqual(["mail", "phone"]);
    expect(ways({ severity: "Warning" })).toEqual(["mail"]);
    expect(ways({ subject: "node:n2" })).toEqual(["mail"]);
    expect(ways({ subject: "domain:psu-a", place: { nodes: ["n2", "n1"] } })).toEqual([
      "mail",
      "phone",
    ]);
    expect(ways({ subject: "service:telemetry", place: { nodes: [] } })).toEqual(["mail"]);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  actorOf,
  isPublicTopic,
  isSingleWriter,
  mayPublish,
  publishedContract,
  type Identity,
} from "./acl.js";
import { CATALOG } from "./catalog.js";
import { matchTopic, topicOf, TOPIC_ROOT, type AnyContract } from "./contract.js";
import { ACTOR_PATTERN, SERVICES, type ServiceName } from "./ids.js";

const names = fc.constantFrom(
  "ada",
  "rack-a",
  "rack-b",
  "power",
  "inventory",
  "n1",
  "constructor",
  "+",
);
const identities: fc.Arbitrary<Identity> = fc.oneof(
  names.map((name): Identity => ({ kind: "person", name })),
  fc
    .tuple(names, fc.constantFrom("operator" as const, "viewer" as const))
    .map(([name, role]): Identity => ({ kind: "person", name, role })),
  fc.constantFrom(...SERVICES).map((name): Identity => ({ kind: "service", name })),
  names.map((name): Identity => ({ kind: "agent", name })),
);

/** A topic of a contract, its parameters by name. */
function topicWith(contract: AnyContract, parameters: Readonly<Record<string, string>>): string {
  return topicOf(contract, {
    node: "n1",
    agent: "rack-a",
    endpoint: "n1.power",
    service: "power",
    operation: "get-transition",
    client: "gateway-0a",
    id: "1",
    alarm: "silent",
    domain: "psu-a",
    ...parameters,
  });
}

/** Who may write, said by another road than the code's: the writer column spelled out as a set of actors. */
function writersOf(
  contract: AnyContract,
  parameters: Readonly<Record<string, string>>,
): (identity: Identity) => boolean {
  const granted = new Set<string>();
  for (const writer of contract.writers) {
    if (writer === "agent") granted.add(`agent:${parameters["agent"]}`);
    else if (writer === "service") granted.add(`service:${parameters["service"]}`);
    else if (writer === "services" || writer === "anyone")
      for (const name of SERVICES) granted.add(`service:${name}`);
    else granted.add(`service:${writer}`);
  }
  const people = contract.writers.includes("anyone");
  return (identity) =>
    identity.kind === "person"
      ? people && identity.role !== "viewer"
      : granted.has(actorOf(identity));
}

const topics = fc
  .tuple(fc.constantFrom(...CATALOG), names, names, fc.constantFrom(...SERVICES, "ada"))
  .map(([contract, node, agent, service]) => {
    const fill: Readonly<Record<string, string>> = {
      node,
      agent,
      service,
      endpoint: "n1.power",
      operation: "get-transition",
      client: "gateway-0a",
      id: "1",
      alarm: "silent",
      domain: "psu-a",
    };
    return (
      TOPIC_ROOT + contract.template.replace(/\{(\w+)\}/g, (_, name: string) => fill[name] ?? "")
    );
  });

describe("publishing", () => {
  it("nobody publishes outside what the writer column grants, and everybody within it", () => {
    fc.assert(
      fc.property(identities, topics, (identity, topic) => {
        const contract = CATALOG.find((one) => matchTopic(one, topic));
        const parameters = contract && (matchTopic(contract, topic) as Record<string, string>);
        const granted = contract !== undefined && writersOf(contract, parameters ?? {})(identity);
        expect(publishedContract(identity, topic)).toBe(granted ? contract : undefined);
        expect(mayPublish(identity, topic)).toBe(granted);
      }),
      { numRuns: 10_000 },
    );
  });

  it("nobody publishes on what is no contract's topic", () => {
    fc.assert(
      fc.property(
        identities,
        fc.oneof(
          fc.string(),
          topics.map((topic) => `${topic}/x`),
          topics.map((topic) => topic.slice(1)),
          topics.map((topic) => `$SYS/${topic}`),
        ),
        (identity, topic) => {
          fc.pre(!CATALOG.some((contract) => matchTopic(contract, topic)));
          expect(mayPublish(identity, topic)).toBe(false);
        },
      ),
    );
  });

  it.each(CATALOG.map((contract) => [contract.template, contract] as const))(
    "somebody can write %s",
    (_, contract) => {
      const everybody: Identity[] = [
        { kind: "person", name: "ada" },
        { kind: "agent", name: "rack-a" },
        ...SERVICES.map((name): Identity => ({ kind: "service", name })),
      ];
      const topic = topicWith(contract, {});
      expect(everybody.filter((identity) => mayPublish(identity, topic))).not.toEqual([]);
    },
  );

  it("one retained topic has one writer (P7)", () => {
    for (const contract of CATALOG.filter(({ retain }) => retain)) {
      const writers: Identity[] = [
        { kind: "person", name: "ada" },
        { kind: "agent", name: "rack-a" },
        { kind: "agent", name: "rack-b" },
        ...SERVICES.map((name): Identity => ({ kind: "service", name })),
      ];
      const topic = topicWith(contract, {});
      expect(writers.filter((identity) => mayPublish(identity, topic))).toHaveLength(1);
    }
  });

  it("an agent publishes on its own topics only", () => {
    fc.assert(
      fc.property(names, topics, (name, topic) => {
        if (!mayPublish({ kind: "agent", name }, topic)) return;
        expect(topic.startsWith(`${TOPIC_ROOT}agent/${name}/`)).toBe(true);
      }),
      { numRuns: 5000 },
    );
    expect(mayPublish({ kind: "agent", name: "rack-a" }, `${TOPIC_ROOT}agent/rack-a/event`)).toBe(
      true,
    );
    expect(mayPublish({ kind: "agent", name: "rack-a" }, `${TOPIC_ROOT}agent/rack-b/event`)).toBe(
      false,
    );
    expect(
      mayPublish({ kind: "agent", name: "rack-a" }, `${TOPIC_ROOT}agent/rack-a/command/n1.power`),
    ).toBe(false);
    expect(mayPublish({ kind: "agent", name: "rack-a" }, `${TOPIC_ROOT}node/n1/power/set`)).toBe(
      false,
    );
  });

  it("a person asks, and reports nothing; a viewer does not even ask", () => {
    const asked = CATALOG.filter((contract) =>
      mayPublish({ kind: "person", name: "ada" }, topicWith(contract, {})),
    );
    expect(asked.map(({ template }) => template)).toEqual([
      "node/{node}/identify/set",
      "node/{node}/power/set",
    ]);
    for (const contract of CATALOG) {
      expect(
        mayPublish({ kind: "person", name: "ada", role: "viewer" }, topicWith(contract, {})),
      ).toBe(false);
    }
  });

  it("a name is no kind: an agent or a person called like a service is none", () => {
    const topic = `${TOPIC_ROOT}node/n1/power/state`;
    expect(mayPublish({ kind: "service", name: "power" }, topic)).toBe(true);
    for (const kind of ["agent", "person"] as const)
      expect(mayPublish({ kind, name: "power" }, topic)).toBe(false);
  });
});

describe("reading and naming", () => {
  it("public topics are those of public contracts", () => {
    fc.assert(
      fc.property(topics, (topic) => {
        const contract = CATALOG.find((one) => matchTopic(one, topic));
        expect(isPublicTopic(topic)).toBe(contract?.audience === "public");
      }),
      { numRuns: 3000 },
    );
    expect(isPublicTopic(`${TOPIC_ROOT}agent/rack-a/desired`)).toBe(false);
    expect(isPublicTopic("$SYS/broker/clients")).toBe(false);
  });

  it("an actor reads as one on the wire", () => {
    for (const name of SERVICES as readonly ServiceName[]) {
      expect(actorOf({ kind: "service", name })).toMatch(ACTOR_PATTERN);
    }
    expect(actorOf({ kind: "person", name: "ada" })).toBe("person:ada");
    expect(actorOf({ kind: "agent", name: "rack-a" })).toBe("agent:rack-a");
  });

  it("a person may have many clients, a service or agent one", () => {
    expect(isSingleWriter({ kind: "person", name: "ada" })).toBe(false);
    expect(isSingleWriter({ kind: "service", name: "power" })).toBe(true);
    expect(isSingleWriter({ kind: "agent", name: "rack-a" })).toBe(true);
  });
});

import { CATALOG } from "./catalog.js";
import type { AnyContract, Writer } from "./contract.js";
import { HOME_ASSISTANT_CONTRACTS } from "./home-assistant.js";
import type { ServiceName } from "./ids.js";
import type { Right, Role } from "./identity.js";
import { TopicIndex } from "./topic-index.js";

const INDEX = new TopicIndex([...CATALOG, ...HOME_ASSISTANT_CONTRACTS]);

/** Who stands behind a connection. A person without a role is an operator. */
export type Identity =
  | {
      readonly kind: "person";
      readonly name: string;
      readonly role?: Role;
      /** All of them; left out: those of the role. */
      readonly rights?: readonly Right[];
      /** The only nodes that the person may see and touch; left out: all. */
      readonly nodes?: readonly string[];
    }
  | { readonly kind: "service"; readonly name: ServiceName }
  | { readonly kind: "agent"; readonly name: string };

/** The actor of whatever an identity asks for: `<kind>:<name>`. */
export function actorOf(identity: Identity): string {
  return `${identity.kind}:${identity.name}`;
}

/** Whether an identity may publish on a topic, by the writer column of the contracts and nothing else. */
export function mayPublish(identity: Identity, topic: string): boolean {
  return publishedContract(identity, topic) !== undefined;
}

/** The contract under which an identity may publish on a topic. Undefined: it may not. */
export function publishedContract(identity: Identity, topic: string): AnyContract | undefined {
  const found = INDEX.find(topic);
  return found?.contract.writers.some((writer) => allows(writer, identity, found.parameters))
    ? found.contract
    : undefined;
}

/** Whether a topic is one that people, scripts and Home Assistant may read. */
export function isPublicTopic(topic: string): boolean {
  return INDEX.find(topic)?.contract.audience === "public";
}

/** Whether a topic has one writer only, so that a second client of that identity must be refused. */
export function isSingleWriter(identity: Identity): boolean {
  return identity.kind !== "person";
}

function allows(
  writer: Writer,
  identity: Identity,
  parameters: Readonly<Record<string, string>>,
): boolean {
  switch (writer) {
    case "anyone":
      // Which of the requests a person with rights may make is asked for each topic, by the broker.
      return identity.kind === "person"
        ? identity.rights !== undefined || identity.role !== "viewer"
        : identity.kind === "service";
    case "agent":
      return identity.kind === "agent" && parameters["agent"] === identity.name;
    case "service":
      return identity.kind === "service" && parameters["service"] === identity.name;
    case "services":
      return identity.kind === "service";
    case "people":
      return identity.kind === "person";
    case "inventory":
    case "power":
    case "console":
    case "boot":
    case "telemetry":
    case "gateway":
    case "home-assistant":
      return identity.kind === "service" && identity.name === writer;
    default:
      return writer satisfies never;
  }
}

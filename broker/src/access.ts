import { isPublicTopic, publishedContract, type Identity } from "@outrider/contracts/acl";
import { CATALOG } from "@outrider/contracts/catalog";
import { matchTopic, TOPIC_ROOT, type AnyContract } from "@outrider/contracts/contract";
import { HOME_ASSISTANT_ROOT, nodeOfDiscovery } from "@outrider/contracts/home-assistant";
import { serviceClock } from "@outrider/contracts/service";
import type { Right } from "@outrider/contracts/identity";
import { may, rightsOf, type Subject } from "@outrider/identity/subject";
import { BoundedMemo } from "./bounded-memo.js";
import { contractsBehind, filterLevels, isTopic } from "./filters.js";

/** Why something was refused: `reason` is counted and logged, `message` is for whoever asked. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** What an identity may do on one topic. */
export type Grant =
  | {
      readonly allowed: true;
      readonly contract: AnyContract;
      /** Whether the broker writes the actor on the message. */
      readonly stamped: boolean;
      /** What becomes of a retain flag. */
      readonly retain: "keep" | "clear" | "refuse";
    }
  | ({ readonly allowed: false } & Refusal);

/** The right that a request needs; `power` where none is named. */
const RIGHT_TO_ASK: Readonly<Record<string, Right>> = {
  "node/{node}/power/set": "power",
  "node/{node}/boot/set": "boot",
};
const NODE_TOPICS = `${TOPIC_ROOT}node/`;
/** What stands there is of the whole site: agents name all nodes that are bound to them, and power domains are shared. */
const SITE_WIDE = [/^agent\//, /^domain\//, /^service\/[^/]+\/alarm\//, /^site\/health$/];

/** Topics of one connection whose grant is remembered. */
const GRANTS_PER_ACCESS = 512;
const KNOWN_TOPICS = 16_384;

const publicTopics = new BoundedMemo(KNOWN_TOPICS, isPublicTopic);
const siteWide = new BoundedMemo(KNOWN_TOPICS, (topic) => {
  const below = topic.startsWith(TOPIC_ROOT) ? topic.slice(TOPIC_ROOT.length) : "";
  return SITE_WIDE.some((pattern) => pattern.test(below));
});

/** What one identity may publish, subscribe to and receive, by the contracts and nothing else. */
export class Access {
  readonly identity: Identity;
  readonly #maxTopicLength: number;
  readonly #grants: BoundedMemo<Grant>;
  readonly #ownTopics: string;
  /** Of a person. */
  readonly #subject: Subject | undefined;
  readonly #seesAll: boolean;

  constructor(identity: Identity, maxTopicLength: number) {
    this.identity = identity;
    this.#maxTopicLength = maxTopicLength;
    this.#grants = new BoundedMemo(GRANTS_PER_ACCESS, (topic) => this.#grant(topic));
    this.#subject = identity.kind === "person" ? subjectOf(identity) : undefined;
    this.#seesAll =
      this.#subject?.nodes === undefined && this.#subject?.rights.includes("read") === true;
    this.#ownTopics = `${TOPIC_ROOT}agent/${identity.name}/`;
  }

  /** What the identity may do on a topic. Costs a look-up where the topic was seen before. */
  publish(topic: string): Grant {
    return this.#grants.get(topic);
  }

  /**
   * Whether a message may be published when the connection is lost. Only presence may: anything that asks for an
   * action would be a command that waits in the broker for its sender to be gone.
   */
  will(topic: string, retain: boolean): Refusal | undefined {
    const grant = this.publish(topic);
    if (!grant.allowed) return grant;
    if (!grant.contract.will)
      return { reason: "will", message: "no will is allowed on this topic" };
    return retain && grant.retain !== "keep" ? RETAINED : undefined;
  }

  /** Undefined: the filter may be subscribed to. What it then delivers is decided for each message. */
  subscribe(filter: string): Refusal | undefined {
    const levels = filterLevels(filter, this.#maxTopicLength);
    if (!levels) return { reason: "malformed-filter", message: "not a topic filter" };
    if (filter.startsWith("$share/")) {
      return { reason: "shared", message: "shared subscriptions are not supported" };
    }
    if (filter.startsWith("$")) return { reason: "reserved", message: "this topic is reserved" };
    switch (this.identity.kind) {
      case "service":
        return this.#isForServices(filter)
          ? undefined
          : { reason: "outside", message: `services subscribe below ${TOPIC_ROOT}` };
      case "agent":
        return filter.startsWith(this.#ownTopics) || isClockFilter(levels)
          ? undefined
          : {
              reason: "not-own",
              message: `agents subscribe to ${this.#ownTopics}# and ${TOPIC_ROOT}service/+/clock`,
            };
      case "person": {
        const behind = contractsBehind(levels);
        return behind.length > 0 && behind.every((one) => one.audience === "private")
          ? { reason: "private", message: "this topic is private to services and agents" }
          : undefined;
      }
    }
  }

  /** Whether a message on a topic is delivered. */
  mayReceive(topic: string): boolean {
    switch (this.identity.kind) {
      case "service":
        return this.#isForServices(topic);
      case "agent":
        return topic.startsWith(this.#ownTopics) || matchTopic(serviceClock, topic) !== undefined;
      case "person":
        return publicTopics.get(topic) && this.#isVisible(topic);
    }
  }

  /** What a person may ask for is nothing that the contracts could know. */
  #mayAsk(contract: AnyContract, topic: string): true | string {
    if (!this.#subject) return true;
    const { node }: Readonly<Record<string, string>> = matchTopic(contract, topic) ?? {};
    return may(this.#subject, RIGHT_TO_ASK[contract.template] ?? "power", node);
  }

  /** One of them also speaks on Home Assistant's topics. */
  #isForServices(topic: string): boolean {
    return (
      topic.startsWith(TOPIC_ROOT) ||
      (this.identity.name === "home-assistant" && topic.startsWith(HOME_ASSISTANT_ROOT))
    );
  }

  /** Persons who may touch some nodes only hear of those alone. */
  #isVisible(topic: string): boolean {
    // Nearly everybody sees everything, and this is asked for every message.
    if (!this.#subject || this.#seesAll) return true;
    if (this.#subject.nodes !== undefined && siteWide.get(topic)) return false;
    const node = topic.startsWith(NODE_TOPICS) ? topic.split("/", 4)[3] : nodeOfDiscovery(topic);
    return may(this.#subject, "read", node) === true;
  }

  #grant(topic: string): Grant {
    if (!isTopic(topic, this.#maxTopicLength)) {
      return { allowed: false, reason: "malformed-topic", message: "not a topic" };
    }
    const contract = publishedContract(this.identity, topic);
    if (!contract) return refusalOf(topic);
    const asked = contract.template.endsWith("/set");
    if (asked) {
      const verdict = this.#mayAsk(contract, topic);
      if (verdict !== true) return { allowed: false, reason: "no-right", message: verdict };
    }
    return {
      allowed: true,
      contract,
      stamped: asked || contract.writers.includes("anyone"),
      retain: contract.retain ? "keep" : asked && contract.kind === "ask" ? "clear" : "refuse",
    };
  }
}

function subjectOf(person: Identity & { readonly kind: "person" }): Subject {
  const { name, role = "operator", rights = rightsOf(role), nodes } = person;
  return { kind: "person", name, role, rights, nodes };
}

/** A retain flag on a contract that is never retained. */
export const RETAINED: Refusal = {
  reason: "retain",
  message: "messages on this topic are never retained; publish without the retain flag",
};

const CLOCK_FILTER = `${TOPIC_ROOT}${serviceClock.template}`.split("/");

function isClockFilter(levels: readonly string[]): boolean {
  return (
    levels.length === CLOCK_FILTER.length &&
    levels.every((level, index) => {
      const fixed = CLOCK_FILTER[index];
      return fixed?.startsWith("{") ? level !== "#" : level === fixed;
    })
  );
}

function refusalOf(topic: string): Grant {
  const contract = CATALOG.find((one) => matchTopic(one, topic) !== undefined);
  return contract
    ? {
        allowed: false,
        reason: "not-the-writer",
        message: `${contract.template} is written by ${contract.writers.join(", ")}`,
      }
    : { allowed: false, reason: "unknown-topic", message: "no contract has this topic" };
}

import { seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import {
  agentDesired,
  type AgentDescription,
  type DescribedDriver,
  type DescribedEndpoint,
} from "@outrider/contracts/agent";
import { consolePolicies } from "@outrider/contracts/console";
import { sitePolicy } from "@outrider/contracts/fleet";
import { telemetryPolicy } from "@outrider/contracts/telemetry-policy";
import type { AgentId, EndpointId, NodeId } from "@outrider/contracts/ids";
import { nodeDescription, nodeEvent } from "@outrider/contracts/node";
import { site as siteContract } from "@outrider/contracts/service";
import type { Log } from "@outrider/messaging/log";
import { mintId } from "@outrider/messaging/mint-id";
import { RequestError } from "@outrider/messaging/request-error";
import type { Session } from "@outrider/messaging/session";
import { isStorageError } from "@outrider/storage/storage-error";
import { policiesOf } from "./console-policies.js";
import type { AgentRecords, DesiredRecord } from "./agent-records.js";
import { contentHash, desiredDomains, desiredEndpoints, generationOf } from "./desired.js";
import { driverProblems, unprovenDrivers } from "./driver-options.js";
import type { Locks } from "./locks/locks.js";
import { describeNode } from "./node-description.js";
import { siteDocument } from "./site-document.js";
import { policyOf } from "./site-policy.js";
import { telemetryPolicyOf } from "./telemetry-policies.js";
import { problemText, SiteFileError, type SiteProblem } from "./site-problem.js";
import { endpointsOf, type DeclaredNode, type Site } from "./site.js";

/**
 * - `verified`: its drivers accept its part of the file, which has been published
 * - `unverified`: it has not described itself yet; it keeps what it was told before, if anything
 * - `refused`: its drivers do not accept its part of the file; it keeps what it was told before, if anything
 */
export type AgentVerdict = "verified" | "unverified" | "refused";

/** What an agent said of itself, its endpoints by their id. */
export type KnownAgent = Omit<AgentDescription, "endpoints"> & {
  readonly endpoints: ReadonlyMap<EndpointId, DescribedEndpoint>;
};

/** Stands in the place of the hash of what an agent had that is not declared any more. */
const DISMISSED = "dismissed";

export interface InventoryOptions {
  readonly session: Session;
  readonly records: AgentRecords;
  readonly locks: Locks;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  /** Told of an agent that is connected and not declared. */
  readonly undeclared: (agent: AgentId) => Promise<void>;
}

/** How soon what is owed to a site that is recorded is tried again. */
const RETRY_AFTER = seconds(1);

/** Publishes what the site file declares. Everything it does is done in order, one thing at a time. */
export class Inventory {
  readonly #options: InventoryOptions;
  /** What agents said of themselves since this process started. */
  readonly #described = new Map<AgentId, KnownAgent>();
  readonly #verdicts = new Map<AgentId, AgentVerdict>();
  /** What was said about an agent's part of the file last, so that it is said once. */
  readonly #said = new Map<AgentId, string>();
  /** What was published of each node, so that nothing is published twice. */
  readonly #nodes = new Map<NodeId, string>();
  readonly #desired = new Map<AgentId, number>();
  #site: Site | undefined;
  #tail: Promise<void> = Promise.resolve();
  /** The site that is recorded and could not be put into force. */
  #owed: Site | undefined;
  readonly #stopped = new AbortController();

  constructor(options: InventoryOptions) {
    this.#options = options;
  }

  verdict(agent: AgentId): AgentVerdict | undefined {
    return this.#verdicts.get(agent);
  }

  /** The site in force. */
  get site(): Site | undefined {
    return this.#site;
  }

  /** Whether a site is recorded and not wholly in force, because the store fails. It is tried until it is. */
  get isOwing(): boolean {
    return this.#owed !== undefined;
  }

  /** The nodes of the site in force. */
  get nodes(): readonly NodeId[] {
    return this.#site?.nodes.map(({ id }) => id) ?? [];
  }

  /** What each agent was last told to have, by its number. */
  get generations(): ReadonlyMap<AgentId, number> {
    return this.#desired;
  }

  /** What agents have said since this process started. */
  get seen(): {
    readonly agents: ReadonlyMap<AgentId, KnownAgent>;
    readonly verdicts: ReadonlyMap<AgentId, AgentVerdict>;
  } {
    return { agents: this.#described, verdicts: this.#verdicts };
  }

  /** @throws SiteFileError when agents that have described themselves do not accept a site */
  check(next: Site): void {
    const problems = next.agents.flatMap((agent) => {
      const drivers = this.#described.get(agent)?.drivers;
      return drivers ? driverProblems(next, agent, drivers) : [];
    });
    if (problems.length > 0) throw new SiteFileError(next.file, problems);
  }

  /** What is no error of a site and may surprise, as far as agents have described themselves. */
  warnings(next: Site): SiteProblem[] {
    return next.agents.flatMap((agent) => {
      const drivers = this.#described.get(agent)?.drivers;
      return drivers ? unprovenDrivers(next, agent, drivers) : [];
    });
  }

  /**
   * Puts a site into force, the first one or in the place of the one before. Where the store fails once it is recorded,
   * putting it into force is owed, see {@link isOwing}; but not the first one, without which there is nothing to serve.
   * @param record writes down that it is in force, before it is
   * @throws SiteFileError when agents that have described themselves do not accept it; nothing has changed then
   */
  apply(next: Site, record?: () => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      this.check(next);
      await record?.();
      const isFirst = this.#site === undefined;
      this.#owed = undefined;
      try {
        await this.#replace(next);
      } catch (error) {
        if (isFirst || !record || !isOfStore(error)) throw error;
        this.#owed = next;
        this.#options.log.error(
          { file: next.file, err: error },
          "the site is recorded, but could not be put into force; it is tried again each second. Look after the database",
        );
        this.#retry(next);
      }
    });
  }

  /** An agent has described itself. */
  describe(agent: AgentId, description: AgentDescription): Promise<void> {
    return this.#inTurn(async () => {
      const { records } = this.#options;
      this.#described.set(agent, {
        ...description,
        endpoints: new Map(description.endpoints.map((one) => [one.endpoint, one])),
      });
      const remembered = await records.drivers(agent);
      if (JSON.stringify(remembered) !== JSON.stringify(description.drivers)) {
        await records.setDrivers(agent, description.drivers);
      }
      if (!this.#site) return;
      if (!this.#site.agents.includes(agent)) {
        return this.#describeUndeclared(agent, description);
      }
      await this.#options.locks.described(description.fences);
      await this.#settle(this.#site, agent);
      // Those of other agents are as they were.
      this.#publishSome(new Set(endpointsOf(this.#site, agent).map(({ node }) => node)));
    });
  }

  /**
   * What an agent shall have stands on the broker. Of an agent that nobody knows it is cleared; of one that is declared
   * it stands until there is something better, because an agent whose document is cleared lets go of its nodes.
   */
  seenDesired(agent: AgentId): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#site?.agents.includes(agent)) return;
      if (!(await this.#options.records.desired(agent))) {
        this.#options.session.retain(agentDesired, { agent }, undefined);
      }
    });
  }

  /** Resolves when what is under way is done; what comes later is dropped. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#tail;
  }

  /** Tries again in a while, unless another site has taken the place of this one by then. */
  #retry(next: Site): void {
    this.#options.clock.sleep(RETRY_AFTER, this.#stopped.signal).then(
      () =>
        void this.#inTurn(async () => {
          if (this.#owed !== next) return;
          try {
            await this.#replace(next);
            this.#owed = undefined;
          } catch (error) {
            if (!isOfStore(error)) throw error;
            this.#retry(next);
          }
        }),
      () => undefined,
    );
  }

  async #replace(next: Site): Promise<void> {
    const { session, log, version, records, locks } = this.#options;
    await locks.setNodes(next.nodes, await records.restored());
    for (const { fences } of this.#described.values()) await locks.described(fences);
    this.#site = next;
    this.#said.clear();
    session.retain(siteContract, {}, siteDocument(next.name, version));
    session.retain(sitePolicy, {}, policyOf(next));
    session.retain(consolePolicies, {}, policiesOf(next));
    session.retain(telemetryPolicy, {}, telemetryPolicyOf(next));
    for (const agent of next.agents) await this.#settle(next, agent);
    for (const agent of await records.agents()) {
      if (!next.agents.includes(agent)) await this.#dismiss(agent);
    }
    this.#publishNodes(next);
    for (const warning of next.warnings) log.warn({}, problemText(next.file, warning));
    log.info(
      { file: next.file, nodes: next.nodes.length, agents: Object.fromEntries(this.#verdicts) },
      "the site file is in force",
    );
  }

  /** Publishes an agent's part of the file, all of it or nothing of it. */
  async #settle(site: Site, agent: AgentId): Promise<void> {
    const { records, log } = this.#options;
    const live = this.#described.get(agent);
    const drivers: readonly DescribedDriver[] | undefined =
      live?.drivers ?? (await records.drivers(agent));
    const nothingToCheck = endpointsOf(site, agent).length === 0;
    const problems = drivers ? driverProblems(site, agent, drivers) : [];
    if ((drivers || nothingToCheck) && problems.length === 0) {
      this.#verdicts.set(agent, "verified");
      this.#said.delete(agent);
      await this.#accept(site, agent);
      return;
    }
    // What is remembered may be older than the agent: it can accept, but only the agent itself refuses.
    this.#verdicts.set(agent, live ? "refused" : "unverified");
    if (live) this.#refuse(site, agent, problems);
    else {
      this.#sayOnce(agent, "unverified", () =>
        log.info(
          { agent },
          "options are unverified until the agent describes itself; nothing new is published for it",
        ),
      );
    }
    const before = await records.desired(agent);
    if (before) this.#publishDesired(agent, before);
  }

  async #accept(site: Site, agent: AgentId): Promise<void> {
    const { records, log } = this.#options;
    const endpoints = desiredEndpoints(site, agent);
    const domains = desiredDomains(site, agent);
    const hash = contentHash(endpoints, domains);
    const before = await records.desired(agent);
    const generation = generationOf(hash, before, this.#described.get(agent)?.generation ?? 0);
    const desired: DesiredRecord = { generation, hash, endpoints, domains };
    if (generation !== before?.generation) {
      await records.setDesired(agent, desired);
      log.info(
        { agent, generation, endpoints: endpoints.length },
        "a new generation of endpoints is published",
      );
    }
    this.#publishDesired(agent, desired);
  }

  /**
   * An agent that the file does not declare any more is told to have nothing until it says so: it may be away now, and
   * one that hears nothing goes on with what it had.
   */
  async #dismiss(agent: AgentId): Promise<void> {
    const { records, log } = this.#options;
    const before = await records.desired(agent);
    if (!before) return;
    this.#verdicts.delete(agent);
    if (before.hash === DISMISSED) return this.#publishDesired(agent, before);
    if (before.endpoints.length === 0) return this.#forget(agent);
    const dismissal = {
      generation: before.generation + 1,
      hash: DISMISSED,
      endpoints: [],
      domains: [],
    };
    await records.setDesired(agent, dismissal);
    this.#publishDesired(agent, dismissal);
    log.info(
      { agent },
      "the site file does not declare this agent any more; it is told to let go of its endpoints",
    );
  }

  /** It has nothing any more. */
  async #forget(agent: AgentId): Promise<void> {
    await this.#options.records.removeDesired(agent);
    this.#desired.delete(agent);
    this.#options.session.retain(agentDesired, { agent }, undefined);
  }

  async #describeUndeclared(agent: AgentId, { generation }: AgentDescription): Promise<void> {
    const { records, log } = this.#options;
    this.#sayOnce(agent, "undeclared", () =>
      log.warn(
        { agent },
        "an agent is connected that the site file does not declare; it gets nothing to do",
      ),
    );
    await this.#options.undeclared(agent);
    const before = await records.desired(agent);
    if (before?.hash === DISMISSED && generation >= before.generation) await this.#forget(agent);
  }

  #publishDesired(agent: AgentId, { generation, endpoints, domains }: DesiredRecord): void {
    if (this.#desired.get(agent) === generation) return;
    this.#desired.set(agent, generation);
    this.#options.session.retain(
      agentDesired,
      { agent },
      {
        generation,
        endpoints: [...endpoints],
        ...(domains.length > 0 ? { domains: [...domains] } : {}),
      },
    );
  }

  /** Publishes what has changed of all nodes, and clears those that are gone. */
  #publishNodes(site: Site): void {
    const declared = new Set(site.nodes.map(({ id }) => id));
    for (const node of this.#nodes.keys()) {
      if (declared.has(node)) continue;
      this.#nodes.delete(node);
      this.#options.session.retain(nodeDescription, { node }, undefined);
    }
    this.#publishSome(site.nodes);
  }

  #publishSome(nodes: Iterable<DeclaredNode>): void {
    for (const node of nodes) {
      const description = describeNode(node, (agent, endpoint) =>
        this.#described.get(agent)?.endpoints.get(endpoint),
      );
      const text = JSON.stringify(description);
      if (this.#nodes.get(node.id) === text) continue;
      this.#nodes.set(node.id, text);
      this.#options.session.retain(nodeDescription, { node: node.id }, description);
    }
  }

  #refuse(site: Site, agent: AgentId, problems: readonly SiteProblem[]): void {
    const { log } = this.#options;
    const lines = problems.map((problem) => problemText(site.file, problem));
    this.#sayOnce(agent, lines.join("\n"), () => {
      log.error(
        { agent, problems: lines },
        "the agent does not accept its part of the site file; nothing of it is published",
      );
      for (const { node, declared } of endpointsOf(site, agent)) {
        const own = problems.filter(({ path }) => path.startsWith(`nodes.${node.id}.`));
        const why =
          own.length > 0
            ? own.map((problem) => problemText(site.file, problem)).join("; ")
            : `other endpoints of agent ${agent} are wrong in ${site.file}`;
        this.#tell(node.id, `${declared.endpoint} is not configured: ${why}`.slice(0, 1000), {
          agent,
        });
      }
    });
  }

  #tell(node: NodeId, message: string, data: Record<string, unknown>): void {
    const { session, clock, log } = this.#options;
    const event = {
      id: mintId(),
      at: timestamp(clock),
      severity: "error",
      kind: "configuration-refused",
      message,
      data,
    } as const;
    session
      .publish(nodeEvent, { node }, event)
      .catch((error: unknown) =>
        log.warn({ node, error: String(error) }, "a node event could not be published"),
      );
  }

  #sayOnce(agent: AgentId, what: string, say: () => void): void {
    if (this.#said.get(agent) === what) return;
    this.#said.set(agent, what);
    say();
  }

  /** One thing after another, whether or not the one before failed. */
  #inTurn(run: () => Promise<void>): Promise<void> {
    const turn = this.#tail.then(() => (this.#stopped.signal.aborted ? undefined : run()));
    this.#tail = turn.catch(() => undefined);
    return turn;
  }
}

/** Whether a store failed that may work again later. */
function isOfStore(error: unknown): boolean {
  if (error instanceof RequestError) return error.code === "storage-failed";
  return isStorageError(error, "full", "io", "corrupt", "busy", "unreachable");
}

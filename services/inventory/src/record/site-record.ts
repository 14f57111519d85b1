import { createHash } from "node:crypto";
import { timestamp, type Clock } from "@outrider/contracts/clock";
import type { AgentId, NodeId } from "@outrider/contracts/ids";
import type { SiteApplied, SiteFault, SiteInForce } from "@outrider/contracts/inventory";
import { serviceEvent } from "@outrider/contracts/service-plane";
import type { Log } from "@outrider/messaging/log";
import { mintId } from "@outrider/messaging/mint-id";
import { RequestError } from "@outrider/messaging/request-error";
import type { Session } from "@outrider/messaging/session";
import { StorageError } from "@outrider/storage/storage-error";
import type { AuditTrail } from "../audit-trail.js";
import type { History } from "../facts/history.js";
import type { Inventory } from "../inventory.js";
import type { Asker, Locks } from "../locks/locks.js";
import { foldedNodes } from "../node-sets.js";
import type { Supplies } from "../supplies.js";
import { readSiteAside } from "../site-reader.js";
import { SiteFileError, type SiteProblem } from "../site-problem.js";
import { parseSiteYaml } from "../site-yaml.js";
import type { Site } from "../site.js";
import { diffSites } from "./site-diff.js";
import { putFile, type SiteStore, type StoredSite } from "./site-store.js";

/** A site file as it was read. */
export interface SiteSource {
  readonly path: string;
  readonly text: string;
  readonly site: Site;
}

export interface ApplyOptions {
  /** Only tells what would change. */
  readonly dryRun: boolean;
  /** The revision that the asker has seen; another one is a failed precondition. */
  readonly ifMatch?: number | undefined;
  /** Also when nodes go that are on, or locked by somebody else. */
  readonly force: boolean;
  /** How the file is called in messages. */
  readonly file: string;
}

export interface SiteRecordOptions {
  readonly store: SiteStore;
  readonly inventory: Inventory;
  readonly locks: Locks;
  readonly supplies: Supplies;
  readonly history: History;
  /** That Outrider itself listens on. */
  readonly ports?: ReadonlyMap<number, string> | undefined;
  readonly audit: AuditTrail;
  readonly session: Session;
  readonly clock: Clock;
  readonly log: Log;
}

/** Who puts a file into force that its path was configured for. */
const FILE_ASKER: Asker = { actor: "service:inventory", via: "policy" };
/** What an answer holds. */
const MOST_FAULTS = 1000;

/** The site of record: what is in force, who put it there, and what was before. */
export class SiteRecord {
  readonly #options: SiteRecordOptions;
  #current: StoredSite | undefined;

  constructor(options: SiteRecordOptions) {
    this.#options = options;
  }

  /** @throws RequestError `unavailable` before the first one */
  get current(): StoredSite {
    if (this.#current) return this.#current;
    throw new RequestError("unavailable", "no site is in force yet; try again in a moment");
  }

  /**
   * Puts the first site into force: the file when its text is new since it was last applied from there, else what
   * stands in the record.
   * @throws SiteFileError when what shall be in force cannot be used
   */
  async start(source: SiteSource): Promise<void> {
    const { store, inventory, ports } = this.#options;
    this.#current = await store.latest();
    if (await this.#takesFile(source)) return this.#fromFile(source);
    const { text, revision, hash } = this.current;
    const same = hash === hashOf(source.text);
    await inventory.apply(
      same ? source.site : await readSiteAside(text, `site revision ${revision}`, ports),
    );
  }

  /** The configured file was read again. @throws SiteFileError */
  async reload(source: SiteSource): Promise<void> {
    if (await this.#takesFile(source)) await this.#fromFile(source);
  }

  /**
   * Puts a text into force, or tells what that would change or why it cannot be.
   * @throws RequestError `precondition-failed`, `storage-failed`
   */
  async apply(text: string, asker: Asker, options: ApplyOptions): Promise<SiteApplied> {
    const { revision } = this.current;
    if (options.ifMatch !== undefined && options.ifMatch !== revision) {
      throw new RequestError(
        "precondition-failed",
        `the site has revision ${revision}, not ${options.ifMatch}; read it again, then decide`,
      );
    }
    let site: Site;
    try {
      site = await readSiteAside(text, options.file, this.#options.ports);
      this.#options.inventory.check(site);
    } catch (error) {
      if (!(error instanceof SiteFileError)) throw error;
      return refused(error.file, error.problems);
    }
    const changes = diffSites(this.#options.inventory.site?.value, site.value);
    const warnings = faultsOf(options.file, [
      ...site.warnings,
      ...this.#options.inventory.warnings(site),
    ]);
    const losses = options.force ? [] : this.#losses(site, asker.actor);
    if (losses.length > 0) return { ...refused(options.file, losses), changes };
    if (hashOf(text) === this.current.hash) {
      return {
        outcome: "unchanged",
        changes: [],
        faults: [],
        warnings: this.#withOwed(warnings, options.file),
        site: this.inForce(),
      };
    }
    if (options.dryRun) return { outcome: "would-apply", changes, faults: [], warnings };
    const before = new Map(this.#options.inventory.generations);
    try {
      await this.#put({ path: options.file, text, site }, asker, false, revision);
    } catch (error) {
      if (error instanceof SiteFileError) return refused(error.file, error.problems);
      if (!(error instanceof StorageError)) throw error;
      // Of `unknown` nobody can say that nothing was done.
      if (error.code === "programming" || error.code === "unknown") throw error;
      throw new RequestError(
        "storage-failed",
        `the site could not be written, so nothing was done: ${error.message}`,
        { cause: error },
      );
    }
    return {
      outcome: "applied",
      changes,
      faults: [],
      warnings: this.#withOwed(warnings, options.file),
      site: this.inForce(),
      generations: this.#changedSince(before, site),
    };
  }

  /** The agents of the site that were told to have something else since, with its number. */
  #changedSince(before: ReadonlyMap<AgentId, number>, { agents }: Site): Record<string, number> {
    const { generations } = this.#options.inventory;
    return Object.fromEntries(
      agents.flatMap((agent) => {
        const generation = generations.get(agent);
        const isNew = generation !== undefined && generation !== before.get(agent);
        return isNew ? [[agent, generation]] : [];
      }),
    );
  }

  /** With what there is to say of a site that is recorded and not yet in force. */
  #withOwed(warnings: SiteFault[], file: string): SiteFault[] {
    if (!this.#options.inventory.isOwing) return warnings;
    const message = `revision ${this.current.revision} is recorded, but not wholly in force yet, because the database of the inventory service fails; it is tried again each second. Look after the database; nothing needs to be applied again`;
    const owed = faultsOf(file, [{ line: 1, path: "", message }]);
    return [...owed, ...warnings].slice(0, MOST_FAULTS);
  }

  inForce(): SiteInForce {
    const { text: _text, ...told } = this.current;
    return told;
  }

  async #takesFile({ path, text }: SiteSource): Promise<boolean> {
    const { store, log } = this.#options;
    const hash = hashOf(text);
    const current = this.#current;
    if (!current) return true;
    const last = await store.fileHash(path);
    if (hash === current.hash) {
      if (last !== hash) await store.putFile(path, hash);
      return false;
    }
    if (last !== hash) return true;
    log.warn(
      { file: path, revision: current.revision, appliedBy: current.appliedBy },
      "the site was changed by apply since this file was last put into force, and the file was not: the applied one stays. " +
        "To keep it, export it into the file (outrider export); to go back to the file, apply the file (outrider apply)",
    );
    return false;
  }

  async #fromFile(source: SiteSource): Promise<void> {
    const { log } = this.#options;
    const current = this.#current;
    const losses = current ? this.#losses(source.site, FILE_ASKER.actor) : [];
    await this.#put(source, FILE_ASKER, true);
    for (const { path, message } of losses)
      log.warn({ path }, `the new site file was put into force although: ${message}`);
    if (current && current.appliedBy !== FILE_ASKER.actor) {
      log.warn(
        { file: source.path, revision: current.revision, appliedBy: current.appliedBy },
        "the site file is newer than what was applied before, which it takes the place of; that revision is kept",
      );
    }
  }

  async #put(
    { path, text, site }: SiteSource,
    asker: Asker,
    isFile: boolean,
    seen?: number,
  ): Promise<void> {
    const { inventory, store, audit, clock, history } = this.#options;
    await inventory.apply(site, async () => {
      const before = this.#current;
      if (seen !== undefined && before?.revision !== seen) {
        throw new RequestError(
          "precondition-failed",
          "the site was changed at the same time; read it again, then decide",
        );
      }
      const stored: StoredSite = {
        site: site.name,
        revision: (before?.revision ?? 0) + 1,
        hash: hashOf(text),
        text,
        nodes: site.nodes.length,
        agents: site.agents.length,
        appliedAt: timestamp(clock),
        appliedBy: asker.actor,
      };
      const { revision, hash } = stored;
      const intent = audit.statements({
        ...asker,
        act: "site.apply",
        subject: site.name,
        stage: "intent",
        data: { revision, hash, nodes: stored.nodes, ...(isFile ? { file: path } : {}) },
      });
      const nodes = new Set(site.nodes.map(({ id }) => id));
      const declared = history.declared(this.#nodesBefore(before), nodes);
      await store.put(stored, [...intent, ...declared, ...(isFile ? [putFile(path, hash)] : [])]);
      this.#current = stored;
    });
    this.#tell();
  }

  /** The nodes of the site that is to be replaced, also when it has not been in force in this process. */
  #nodesBefore(before: StoredSite | undefined): ReadonlySet<NodeId> {
    const { inventory } = this.#options;
    if (inventory.site || !before) return new Set(inventory.nodes);
    const yaml = parseSiteYaml(before.text);
    const value = Array.isArray(yaml) ? undefined : (yaml.value as { nodes?: object } | undefined);
    return new Set(Object.keys(value?.nodes ?? {}) as NodeId[]);
  }

  #tell(): void {
    const { session, clock, log } = this.#options;
    const { site, revision, hash, appliedBy } = this.current;
    session
      .publish(
        serviceEvent,
        { service: "inventory" },
        {
          id: mintId(),
          at: timestamp(clock),
          kind: "site",
          subject: site,
          data: { revision, hash, appliedBy },
        },
      )
      .catch((error: unknown) =>
        log.debug({ error: String(error) }, "an event of the site could not be published"),
      );
  }

  /** Nodes that would go although they are on, or locked by somebody else. */
  #losses(next: Site, actor: string): SiteProblem[] {
    const { inventory, locks, supplies } = this.#options;
    const kept = new Set(next.nodes.map(({ id }) => id));
    const gone = inventory.nodes.filter((node) => !kept.has(node));
    const on = gone.filter((node) => supplies.isOn(node));
    const held = Map.groupBy(locks.heldByOthers(gone, actor), ({ holder }) => holder);
    const loss = (nodes: readonly NodeId[], why: string): SiteProblem => ({
      line: 1,
      path: `nodes.${foldedNodes(nodes)}`.slice(0, 500),
      message: `${why} and would be removed; expected it to be declared, or force`,
    });
    return [
      ...(on.length > 0 ? [loss(on, "is on")] : []),
      ...[...held].map(([holder, nodes]) =>
        loss(
          nodes.map(({ node }) => node),
          `is locked by ${holder}`,
        ),
      ),
    ];
  }
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function refused(file: string, problems: readonly SiteProblem[]): SiteApplied {
  return { outcome: "refused", changes: [], faults: faultsOf(file, problems) };
}

function faultsOf(file: string, problems: readonly SiteProblem[]): SiteFault[] {
  return problems.slice(0, MOST_FAULTS).map(({ line, path, message }) => ({
    file: file.slice(0, 500),
    line,
    path: path.slice(0, 500),
    message: message.slice(0, 2000),
  }));
}

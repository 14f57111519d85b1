import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import { homeAssistantContracts, homeAssistantDocuments } from "@outrider/contracts/home-assistant";
import type { Log } from "@outrider/messaging/log";
import type { Meta, Session } from "@outrider/messaging/session";
import { announcement } from "./announcement.js";
import { fence } from "./fence.js";
import { documentsOf, formOf, isOurs, type Document, type Form } from "./forms.js";
import type { SiteFacts } from "./site-facts.js";
import { readable, type Standing } from "./standing.js";

export interface BridgeOptions {
  readonly form: Form;
  /** Home Assistant's discovery prefix with a slash. */
  readonly root: string;
  /** Of the page that shows the site. */
  readonly url: string | undefined;
  readonly version: string;
}

export interface BridgeParts {
  readonly session: Session;
  readonly clock: Clock;
  readonly log: Log;
  readonly facts: SiteFacts;
  readonly standing: Standing;
  /** Between 0 and 1. */
  readonly random?: () => number;
}

/** What changes within it is said once. */
const GATHER = milliseconds(250);
/**
 * For so long nothing must have arrived that was not known of before it is believed that all has: a broker may send what
 * it keeps as slowly as it is read, and not every one keeps an order. Counted one by one, so that a process that stood
 * still has read in between what came meanwhile.
 */
const QUIET_SECONDS = 10;
/** Between two steps of leading Home Assistant from one form to the other. */
const MIGRATION_STEP = seconds(3);
/** For how long an entity that goes is named by its platform alone. */
const FAREWELL = seconds(5);
/** Devices that are looked at, or said again, at once: others in the process want to go on. */
const AT_ONCE = 50;
/** All bridges of a house would answer Home Assistant's birth at once: each waits some part of this. */
const BIRTH_JITTER_MS = 2000;

/**
 * Keeps Home Assistant told of what there is. Nothing is said before it is known what is declared, so that a start
 * never takes away what is only not known yet, and with it the names and areas that people gave it.
 */
export class Bridge {
  readonly #dirty = new Set<string>();
  readonly #stopped = new AbortController();
  readonly #topics: ReturnType<typeof homeAssistantContracts>;
  /** Ends with the connection. */
  #connection = new AbortController();
  #phase: "unsettled" | "arriving" | "migrating" | "settled" = "unsettled";
  /** Topics of this connection that tell what there is. */
  readonly #arrived = new Set<string>();
  /** Ends with inventory's word, as long as it is not known to be all. */
  #word = new AbortController();
  #isMigrated = false;
  #births = 0;
  /**
   * Whether Home Assistant has said that it ends. What is taken away then would stay in its registry for ever: it stands
   * until Home Assistant is back, has read it once more, and can be told.
   */
  #isHomeAway = false;
  /** Devices of which something is to be taken away when Home Assistant is back. */
  readonly #deferred = new Set<string>();
  #stopGathering: (() => void) | undefined;

  constructor(
    private readonly parts: BridgeParts,
    private readonly options: BridgeOptions,
  ) {
    this.#topics = homeAssistantContracts(options.root);
  }

  start(): void {
    const { session, clock } = this.parts;
    const documents = homeAssistantDocuments(this.options.root);
    type OfDevice = { readonly platform: string; readonly object: string };
    type OfEntity = OfDevice & { readonly component: string };
    session.subscribe(
      documents.device,
      { platform: "device" },
      ({ payload, parameters: { platform, object } }) =>
        this.#heard({ levels: [platform, object], config: payload }),
      {
        cleared: ({ parameters: { platform, object } }: Meta<OfDevice>) =>
          this.parts.standing.heardCleared({ levels: [platform, object] }),
      },
    );
    session.subscribe(
      documents.entity,
      {},
      ({ payload, parameters: { platform, object, component } }) =>
        this.#heard({ levels: [platform, object, component], config: payload }),
      {
        cleared: ({ parameters: { platform, object, component } }: Meta<OfEntity>) =>
          this.parts.standing.heardCleared({ levels: [platform, object, component] }),
      },
    );
    session.subscribe(this.#topics.status, {}, ({ payload }) => {
      this.#isHomeAway = payload.state === "offline";
      if (payload.state === "online") this.#during(() => this.#born());
    });
    session.onDisconnect(() => {
      this.#connection.abort();
      this.#connection = new AbortController();
      this.#phase = "unsettled";
      this.#arrived.clear();
      this.parts.facts.doubt();
      this.parts.standing.forgetHeard();
    });
    this.#stopGathering = clock.every(GATHER, () => this.#flush());
  }

  stop(): void {
    this.#stopGathering?.();
    this.#stopped.abort();
  }

  /** A device may look otherwise. */
  touch(object: string): void {
    this.#dirty.add(object);
  }

  /** Something was heard of what there is. */
  arrived(topic: string): void {
    this.#arrived.add(topic);
  }

  /** Whether inventory is there: what it declares stands on the broker before it says so, and arrives now. */
  inventory(isReady: boolean): void {
    if (isReady && this.#phase === "unsettled") {
      this.#phase = "arriving";
      this.#word = new AbortController();
      const signal = AbortSignal.any([this.#connection.signal, this.#word.signal]);
      this.#during(() => this.#settle(signal), signal);
    } else if (!isReady && this.#phase === "arriving") {
      this.#phase = "unsettled";
      this.#word.abort();
    }
  }

  #heard({ levels, config }: Document): void {
    if (!isOurs(levels[1])) return;
    this.arrived(levels.join("/"));
    if (this.parts.standing.heard({ levels, config: readable(config) })) this.touch(levels[1]);
  }

  /** Resolves when everything that the broker has kept is here. */
  async #everything(signal: AbortSignal): Promise<void> {
    const { clock, session } = this.parts;
    await fence(session, signal);
    let quiet = 0;
    while (quiet < QUIET_SECONDS) {
      const before = this.#arrived.size;
      await clock.sleep(seconds(1), signal);
      quiet = this.#arrived.size > before ? 0 : quiet + 1;
    }
  }

  async #settle(word: AbortSignal): Promise<void> {
    const { clock, facts, standing, log } = this.parts;
    const { signal } = this.#connection;
    await this.#everything(word);
    this.#phase = "migrating";
    facts.settle();
    const old = standing.all(false).filter((one) => formOf(one) !== this.options.form);
    if (!this.#isMigrated && old.length > 0) {
      log.info({ documents: old.length }, "what was said in the other form is replaced");
      for (const { levels } of old) this.#retain({ levels, config: { migrate_discovery: true } });
      await clock.sleep(MIGRATION_STEP, signal);
    }
    this.#phase = "settled";
    for (const object of [...facts.objects(), ...standing.objects()]) this.touch(object);
    this.#flush();
    if (old.length === 0) return void (this.#isMigrated = true);
    while (this.#dirty.size > 0) await clock.sleep(GATHER, signal);
    if (!this.#isMigrated) await clock.sleep(MIGRATION_STEP, signal);
    for (const one of old) this.#clear(one);
    this.#isMigrated = true;
  }

  /** Home Assistant has started: whatever it has not kept is said again. */
  async #born(): Promise<void> {
    const { clock, standing, log, random = Math.random } = this.parts;
    const { signal } = this.#connection;
    const turn = ++this.#births;
    await clock.sleep(milliseconds(Math.ceil(random() * BIRTH_JITTER_MS) + 1), signal);
    // Of several births in a row the last one counts.
    if (turn !== this.#births) return;
    const said = standing.all(true);
    log.info({ documents: said.length }, "Home Assistant has started and is told again");
    for (let at = 0; at < said.length; at += AT_ONCE) {
      for (const { levels } of said.slice(at, at + AT_ONCE)) {
        // It may have changed, or gone, meanwhile.
        const now = standing.saidOn({ levels });
        if (now) this.#retain(now);
      }
      await clock.sleep(GATHER, signal);
    }
    for (const object of this.#deferred) this.touch(object);
    this.#deferred.clear();
  }

  #flush(): void {
    if (this.#phase !== "settled") return;
    for (const object of Array.from(this.#dirty).slice(0, AT_ONCE)) {
      this.#dirty.delete(object);
      this.#announce(object);
    }
  }

  #announce(object: string): void {
    const { facts, standing, clock } = this.parts;
    const { form, url, version } = this.options;
    const device = facts.device(object, url);
    const wanted = device ? documentsOf(device, form, version) : [];
    const isAway = this.#isHomeAway;
    if (isAway) this.#deferred.add(object);
    if (isAway && wanted.length === 0) return;
    const { say, after, clear } = announcement(
      wanted,
      standing.of(object, form),
      !isAway && (device?.complete ?? true),
    );
    for (const one of say) this.#say(one);
    for (const one of clear) this.#clear(one);
    if (after.length === 0) return;
    this.#during(async () => {
      await clock.sleep(FAREWELL, this.#connection.signal);
      this.touch(object);
    });
  }

  #say(document: Document): void {
    const { standing } = this.parts;
    const before = standing.saidOn(document);
    if (before && JSON.stringify(before.config) === JSON.stringify(document.config)) return;
    standing.said(document);
    this.#retain(document);
  }

  #clear(document: Document): void {
    this.parts.standing.cleared(document);
    this.#retain({ levels: document.levels, config: undefined });
  }

  #retain({
    levels,
    config,
  }: {
    levels: Document["levels"];
    config: Document["config"] | undefined;
  }) {
    const { session } = this.parts;
    const [platform, object, component] = levels;
    if (component === undefined) session.retain(this.#topics.device, { platform, object }, config);
    else session.retain(this.#topics.entity, { platform, object, component }, config);
  }

  /** Runs something that ends with the connection, or before. */
  #during(run: () => Promise<void>, signal = this.#connection.signal): void {
    run().catch((error: unknown) => {
      if (!signal.aborted && !this.#stopped.signal.aborted) throw error;
    });
  }
}

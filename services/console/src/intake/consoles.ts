import type { LinkedConsole } from "@outrider/console-link/linked-console";
import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import type { ConsoleSession } from "@outrider/contracts/console";
import type { ConsoleAsk, ConsoleTold } from "@outrider/contracts/console-attach";
import { isNodeId, type NodeId } from "@outrider/contracts/ids";
import { isVisibleTo, may } from "@outrider/identity/subject";
import type { ConsoleTaps } from "../automation/console-tap.js";
import type { ConsoleLog, ConsoleLogs } from "../log/console-log.js";
import type { Screens } from "../screen/screens.js";
import { ActRefused } from "../sessions/act-refused.js";
import {
  AttachRefused,
  type AttachOptions,
  type Attachment,
  type ConsoleDoor,
  type Viewer,
  type Visitor,
} from "../sessions/attachment.js";
import { MAX_PLACES_IN_ALL, type ConsoleParts } from "../sessions/console-parts.js";
import type { Place } from "../sessions/place.js";
import type { LeftLogs } from "../log/left-logs.js";
import type { Declaration } from "../state/declared-consoles.js";
import type { RememberedStages } from "../state/remembered-stages.js";
import { Feed } from "./feed.js";
import { NodeConsole } from "./node-console.js";

const LOOK_EVERY = seconds(1);
const OPEN_AGAIN_MS = 10_000;
/** By then the site has said all that it says at once; an agent may be faster. */
const SITE_SAID_MS = 5000;
const QUIET_EVERY = milliseconds(100);

export interface ConsolesOptions {
  readonly logs: ConsoleLogs;
  readonly screens: Screens;
  readonly taps: ConsoleTaps;
  readonly parts: ConsoleParts;
  readonly clock: Clock;
  readonly left: Pick<LeftLogs, "left">;
  readonly stages: RememberedStages;
  /** Told whenever what is published of a console may have changed. */
  readonly changed: (node: NodeId) => void;
}

/** All consoles that the site declares, the agents that have them, and the one door to them. */
export class Consoles implements ConsoleDoor {
  readonly #consoles = new Map<NodeId, NodeConsole>();
  /** What agents have announced. */
  readonly #feeds = new Set<Feed>();
  #declarations: ReadonlyMap<NodeId, Declaration> = new Map();
  #syncing: Promise<void> = Promise.resolve();
  #stopping = false;
  /** Of what agents have announced, what nobody claims and was told. */
  readonly #told = new WeakSet<Feed>();
  /** When the site was first heard. */
  #heardMs: number | undefined;
  /** When a log could not be opened. */
  #failedMs: number | undefined;
  readonly #stops: (() => void)[] = [];

  constructor(private readonly options: ConsolesOptions) {
    const { clock, logs } = options;
    this.#stops.push(
      clock.every(LOOK_EVERY, () => this.#look()),
      clock.every(QUIET_EVERY, () => this.#quiet()),
    );
    const stored = logs.onStored((log) => this.#consoles.get(log.node)?.acknowledge());
    const problem = logs.onProblem((log) => options.changed(log.node));
    this.#stops.push(
      () => stored[Symbol.dispose](),
      () => problem[Symbol.dispose](),
    );
  }

  get(node: string): NodeConsole | undefined {
    return this.#consoles.get(node as NodeId);
  }

  all(): Iterable<NodeConsole> {
    return this.#consoles.values();
  }

  /** Whether the site says that a node has a console, or its log is open still. */
  isDeclared(node: NodeId): boolean {
    return this.#declarations.has(node) || this.#consoles.has(node);
  }

  /** Announced by agents and refused: the site does not say that it is a node's console. */
  get unclaimed(): readonly LinkedConsole[] {
    return [...this.#feeds].filter(({ owner }) => !owner).map(({ linked }) => linked);
  }

  sessions(nodes?: readonly string[]): ConsoleSession[] {
    const wanted = nodes && new Set(nodes);
    return [...this.#consoles.values()]
      .filter(({ node }) => wanted?.has(node) ?? true)
      .flatMap(({ console }) => console.sessions());
  }

  placeOf(session: string): Place | undefined {
    for (const { console } of this.#consoles.values()) {
      const place = console.placeOf(session);
      if (place) return place;
    }
    return undefined;
  }

  get places(): number {
    let count = 0;
    for (const { console } of this.#consoles.values()) count += console.places.length;
    return count;
  }

  /** Opens, changes and closes consoles until they are those that are declared. */
  declare(declarations: readonly Declaration[]): Promise<void> {
    this.#declarations = new Map(declarations.map((one) => [one.node, one]));
    const next = this.#syncing.then(() => this.#sync());
    this.#syncing = next;
    return next;
  }

  /** The site has been heard: from now on what nobody claims is told, once there was time for all of it to be said. */
  siteHeard(): void {
    this.#heardMs ??= this.options.clock.monotonicMs();
  }

  /** An agent announced a console. Only one that the site declares counts. */
  announced(linked: LinkedConsole): void {
    const feed = new Feed(linked, () => this.#feeds.delete(feed));
    this.#feeds.add(feed);
    this.#claim(feed);
  }

  async attach(
    node: string,
    visitor: Visitor,
    options: AttachOptions,
    viewer: Viewer,
  ): Promise<Attachment> {
    const found = this.#foundFor(node, visitor);
    const admit = (): void => {
      if (this.places < MAX_PLACES_IN_ALL) return;
      throw new AttachRefused("too-many", `${MAX_PLACES_IN_ALL} are at consoles already`);
    };
    admit();
    return found.console.attach(visitor, options, viewer, admit);
  }

  async act(node: string, visitor: Visitor, ask: ConsoleAsk, take: boolean): Promise<ConsoleTold> {
    const { asks } = this.#foundFor(node, visitor).console;
    try {
      return { told: "done", text: await asks.visit(visitor, ask, take) };
    } catch (error) {
      if (!(error instanceof ActRefused)) throw error;
      return { told: "refused", code: error.code, text: error.message };
    }
  }

  has(node: string, visitor?: Visitor): boolean {
    if (!this.#declarations.has(node as NodeId)) return false;
    if (!visitor) return true;
    const subject = visitor.subject();
    return subject !== undefined && may(subject, "console-read", node) === true;
  }

  visibleTo(visitor: Visitor): readonly { node: NodeId; name: string; summary: string }[] {
    const subject = visitor.subject();
    if (!subject) return [];
    return [...this.#consoles.values()]
      .filter(({ node }) => may(subject, "console-read", node) === true)
      .toSorted((a, b) => a.node.localeCompare(b.node, "en", { numeric: true }))
      .map(({ node, declaration: { name }, console }) => ({
        node,
        name,
        summary: summaryOf(console.link.value, console.writer?.visitor.actor),
      }));
  }

  /** Everybody is told that it ends. */
  stop(): void {
    this.#stopping = true;
    for (const stop of this.#stops) stop();
    for (const { console } of this.#consoles.values()) {
      console.close("stopping", "the console service stops; attach again in a moment");
    }
  }

  /** A console that somebody may know of. @throws AttachRefused */
  #foundFor(node: string, visitor: Visitor): NodeConsole {
    if (this.#stopping) throw new AttachRefused("stopping", "the console service stops");
    const subject = visitor.subject();
    const isVisible = isNodeId(node) && subject && isVisibleTo(subject, node);
    if (!isVisible) throw new AttachRefused("not-found", "there is no such node");
    const found = this.get(node);
    if (found) return found;
    throw this.#declarations.has(node)
      ? new AttachRefused("no-console", `the console of ${node} is being opened; try again`)
      : new AttachRefused("no-console", `there is no node ${node}, or it has no console`);
  }

  async #sync(): Promise<void> {
    const { logs, screens, parts, taps, changed, stages } = this.options;
    for (const [node, one] of this.#consoles) {
      if (this.#declarations.has(node)) continue;
      this.#consoles.delete(node);
      one.unlink("the site declares no console for this node any more");
      one.console.close("no-console", `the site declares no console for ${node} any more`);
      screens.forget(node);
      await logs.close(node);
      await this.options.left.left(node, one.declaration.policy.logMaxAgeMs);
      changed(node);
    }
    for (const [node, declaration] of this.#declarations) {
      if (this.#stopping) return;
      const found = this.#consoles.get(node);
      if (found) {
        found.declare(declaration);
        if (found.linked && !belongs(found.linked, declaration)) {
          found.unlink(`the site declares agent ${declaration.agent} for it now`);
        }
        continue;
      }
      const log = await this.#open(declaration);
      if (!log) continue;
      screens.open(node, log.next === 0);
      this.#consoles.set(node, new NodeConsole(declaration, log, parts, taps, changed, stages));
      changed(node);
    }
    for (const feed of this.#feeds) if (!feed.owner) this.#claim(feed);
  }

  async #open({ node, policy }: Declaration): Promise<ConsoleLog | undefined> {
    const { logs, parts } = this.options;
    const { logMaxBytes, logMaxAgeMs } = policy;
    try {
      return await logs.open(node, { maxBytes: logMaxBytes, maxAgeMs: logMaxAgeMs });
    } catch (error) {
      this.#failedMs = this.options.clock.monotonicMs();
      parts.log.error(
        { node, err: error },
        "a console's log cannot be opened, and its agent keeps what comes; mend its directory",
      );
      return undefined;
    }
  }

  #claim(feed: Feed): boolean {
    const { linked } = feed;
    const declaration = this.#declarations.get(linked.address.node);
    const found = this.#consoles.get(linked.address.node);
    if (feed.over || !found || !declaration || !belongs(linked, declaration)) return false;
    found.link(feed);
    return true;
  }

  #look(): void {
    const nowMs = this.options.clock.monotonicMs();
    if (this.#failedMs !== undefined && nowMs - this.#failedMs >= OPEN_AGAIN_MS) {
      this.#failedMs = undefined;
      void this.declare([...this.#declarations.values()]);
    }
    for (const { console } of this.#consoles.values()) console.look();
    this.#tellUnclaimed(nowMs);
  }

  /** Says what agents have that is nobody's. */
  #tellUnclaimed(nowMs: number): void {
    if (this.#heardMs === undefined || nowMs - this.#heardMs < SITE_SAID_MS) return;
    for (const feed of this.#feeds) {
      const { agent, endpoint, node } = feed.linked.address;
      const declared = this.#declarations.get(node);
      // Its log may be opened just now.
      const isOpening = declared !== undefined && belongs(feed.linked, declared);
      if (feed.owner || isOpening || this.#told.has(feed)) continue;
      this.#told.add(feed);
      this.options.parts.log.warn(
        { agent, endpoint, node, declaredAgent: declared?.agent },
        "an agent has a console that the site does not declare as its own; it is not listened to",
      );
    }
  }

  #quiet(): void {
    const nowMs = this.options.clock.monotonicMs();
    for (const one of this.#consoles.values()) one.look(nowMs);
  }
}

function belongs({ address }: LinkedConsole, { agent, endpoint }: Declaration): boolean {
  return address.agent === agent && address.endpoint === endpoint;
}

function summaryOf(link: string, writer: string | undefined): string {
  if (link !== "Up") return "cannot be reached";
  return writer === undefined ? "free" : `${writer} types`;
}

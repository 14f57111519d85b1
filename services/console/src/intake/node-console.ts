import {
  nextAfter,
  type ConsoleCondition,
  type DeviceClosing,
  type StreamItem,
} from "@outrider/console-link/console-stream";
import type { LinkedConsole } from "@outrider/console-link/linked-console";
import type { ConsoleClosing, ConsoleStage, ConsoleState } from "@outrider/contracts/console";
import { ACTOR_PATTERN, type NodeId } from "@outrider/contracts/ids";
import type { ConsoleTaps } from "../automation/console-tap.js";
import type { ConsoleLog } from "../log/console-log.js";
import type { LogGap, LogItem } from "../log/log-format.js";
import { Console } from "../sessions/console.js";
import type { ConsoleParts } from "../sessions/console-parts.js";
import { lineText } from "../sessions/line-settings.js";
import { timeOfMicros } from "../sessions/micros.js";
import { seemly } from "../sessions/seemly.js";
import { ConsoleWatch, QUIET_MS } from "../stages/console-watch.js";
import type { StageFinding } from "../stages/stage-tracker.js";
import type { Declaration } from "../state/declared-consoles.js";
import type { RememberedStages } from "../state/remembered-stages.js";
import type { Feed, FeedOwner } from "./feed.js";

/** A clock that is further off than this is corrected in the log, in microseconds. */
const TOLERATED_MICROS = 1_000_000;
/** A console's gaps are told as events this often at most, in milliseconds; the log has each of them. */
const GAP_EVERY_MS = 5000;

/** The console of one node with all that belongs to it: bytes from the link go to log, people, stages and taps. */
export class NodeConsole implements FeedOwner {
  readonly node: NodeId;
  readonly console: Console;
  readonly #watch: ConsoleWatch;
  #feed: Feed | undefined;
  #stage: { value: ConsoleStage; sinceMicros: number };
  #inBoot: boolean;
  #lastBytesMs = Number.NEGATIVE_INFINITY;
  #isQuiet = true;
  #correctedAgent: string | undefined;
  #gapToldMs = Number.NEGATIVE_INFINITY;
  #gapsUntold = 0;
  /** Bytes taken since the start of the service. */
  takenBytes = 0;
  gaps = 0;

  constructor(
    public declaration: Declaration,
    readonly log: ConsoleLog,
    private readonly parts: ConsoleParts,
    private readonly taps: ConsoleTaps,
    private readonly changed: (node: NodeId) => void,
    private readonly stages: Pick<RememberedStages, "of" | "keep">,
  ) {
    this.node = declaration.node;
    this.console = new Console(declaration, log, parts, () => changed(this.node));
    log.onBehind(() => this.#again());
    const boot = log.boots.at(-1);
    // Where no chapter has begun the log does not tell how far the machine has come.
    const known = boot ? undefined : stages.of(this.node);
    const stage = boot?.stages.at(-1) ?? known?.stage ?? "unknown";
    this.#inBoot = boot !== undefined;
    const nowMicros = parts.clock.now().getTime() * 1000;
    const sinceMicros = known?.sinceMicros ?? boot?.atMicros ?? log.lastMicros ?? nowMicros;
    this.#stage = { value: stage, sinceMicros };
    this.#watch = new ConsoleWatch({
      memory: { stage, inBoot: this.#inBoot },
      line: log.line,
      onLine: (line) => taps.line(this.node, line),
      onPrompt: (line) => taps.prompt(this.node, line),
      onFinding: (finding) => this.#found(finding),
    });
  }

  get linked(): LinkedConsole | undefined {
    return this.#feed?.linked;
  }

  /** The site says something else of it. */
  declare(declaration: Declaration): void {
    this.declaration = declaration;
    this.console.declared = declaration;
    const { logMaxBytes, logMaxAgeMs } = declaration.policy;
    this.log.setBounds({ maxBytes: logMaxBytes, maxAgeMs: logMaxAgeMs });
  }

  /** Its agent announced it, and the site says that it is this one: its bytes go on where the log ends. */
  link(feed: Feed): void {
    this.unlink("another of its agent's connections took over");
    this.#feed = feed;
    this.console.linked(feed.linked);
    feed.give(this);
    this.acknowledge();
  }

  /** The site names another agent or endpoint. What comes from the old one is not this console's any more. */
  unlink(why: string): void {
    if (!this.#feed) return;
    this.#feed.withdraw();
    this.#feed = undefined;
    this.console.unlinked(why);
  }

  /** The log has room for what it had left out: the agent has it still, unless that was more than its spool holds. */
  #again(): void {
    const feed = this.#feed;
    if (!feed) return;
    this.#feed = undefined;
    this.console.unlinked("its agent is asked for what the log had no room for; a moment");
    feed.again();
  }

  wanted({ stream }: LinkedConsole): number | undefined {
    return this.log.sourceOf(stream);
  }

  condition(linked: LinkedConsole, before: ConsoleCondition): void {
    this.console.linked(linked, before);
    this.changed(this.node);
  }

  gone(linked: LinkedConsole, reason: string): void {
    this.unlink(`agent ${linked.address.agent} is not connected (${reason})`);
  }

  /** What is stored durably may be forgotten by the agent. */
  acknowledge(): void {
    const { stored } = this.log;
    if (stored && stored.stream === this.linked?.stream) this.linked.acknowledge(stored.offset);
  }

  /** A line without an end is looked at once nothing has come for a while. */
  look(nowMs: number): void {
    if (this.#isQuiet || nowMs - this.#lastBytesMs < QUIET_MS) return;
    this.#isQuiet = true;
    if (this.#watch.partial) this.#watch.quiet();
  }

  /** The supply was switched on: a new chapter begins with the next byte. */
  supplyOn(): void {
    this.#watch.supplyOn(this.parts.clock.now().getTime() * 1000);
  }

  /** As published. */
  state(staleAfterMs: number): ConsoleState {
    const { log, console } = this;
    const { writer, places } = console;
    const boot = log.boots.at(-1)?.boot;
    const { change } = console.wire;
    const closed = console.far.condition?.closed;
    return {
      link: console.link,
      stage: { value: this.#stage.value, since: timeOfMicros(this.#stage.sinceMicros) },
      ...(writer && {
        writer: {
          actor: writer.visitor.actor,
          way: writer.visitor.way,
          since: writer.since.toISOString(),
        },
      }),
      viewers: places.length - (writer ? 1 : 0),
      ...(change && {
        line: { present: lineText(change.present), declared: lineText(change.declared) },
      }),
      ...(closed && { closed: closedBy(closed) }),
      ...(log.lastMicros === undefined ? {} : { lastByteAt: timeOfMicros(log.lastMicros) }),
      ...(boot === undefined ? {} : { boot }),
      ...(log.lostBytes > 0 ? { lostBytes: log.lostBytes } : {}),
      ...(log.problem === undefined ? {} : { logProblem: log.problem.slice(0, 500) }),
      observedAt: this.parts.clock.now().toISOString(),
      staleAfterMs,
    };
  }

  take(linked: LinkedConsole, items: readonly StreamItem[]): void | Promise<void> {
    const taken = this.#toLog(linked, items);
    if (taken.length > 0) {
      this.console.deliver(taken);
      this.#watch.feed(taken);
      this.taps.bytes(this.node, taken);
      this.#account(taken);
    }
    if (items.some(({ kind }) => kind === "break")) this.console.broke();
    if (!this.log.room) return this.log.hasRoom();
  }

  /** With the agent's times corrected where its clock is wrong, for what this process of the agent has read. */
  #toLog(linked: LinkedConsole, items: readonly StreamItem[]): readonly LogItem[] {
    const { stream, began, agentAheadMicros: ahead = 0 } = linked;
    if (Math.abs(ahead) <= TOLERATED_MICROS) return this.log.take(stream, items);
    this.#tellClock(linked, ahead);
    const before = items.filter((item) => nextAfter(item) <= began);
    const since = items.slice(before.length);
    return [...this.log.take(stream, before), ...this.log.take(stream, since, -ahead)];
  }

  #account(taken: readonly LogItem[]): void {
    for (const item of taken) {
      if (item.kind === "bytes") this.takenBytes += item.bytes.length;
      else if (item.kind === "gap") this.#gap(item);
    }
    this.#lastBytesMs = this.parts.clock.monotonicMs();
    this.#isQuiet = false;
    this.changed(this.node);
  }

  #gap(gap: LogGap): void {
    this.gaps += 1;
    const nowMs = this.parts.clock.monotonicMs();
    if (nowMs - this.#gapToldMs < GAP_EVERY_MS) {
      this.#gapsUntold += 1;
      return;
    }
    const more = this.#gapsUntold;
    this.#gapToldMs = nowMs;
    this.#gapsUntold = 0;
    const much = gap.lost === undefined ? "an unknown number of" : String(gap.lost);
    const from = timeOfMicros(gap.fromMicros);
    const to = timeOfMicros(gap.toMicros);
    this.parts.happened(this.node, {
      severity: gap.lost === undefined ? "notice" : "warning",
      kind: "console-gap",
      message: `${much} console bytes are missing (${gap.reason}) between ${from} and ${to}`,
      data: {
        reason: gap.reason,
        from,
        to,
        position: gap.position,
        ...(gap.lost === undefined ? {} : { lostBytes: gap.lost }),
        ...(more === 0 ? {} : { furtherGaps: more }),
      },
    });
  }

  #tellClock(linked: LinkedConsole, aheadMicros: number): void {
    const which = `${linked.address.agent} ${linked.stream} ${linked.began}`;
    if (this.#correctedAgent === which) return;
    this.#correctedAgent = which;
    const seconds = Math.round(aheadMicros / 1e5) / 10;
    this.parts.happened(this.node, {
      severity: "warning",
      kind: "console-clock",
      message: `the clock of agent ${linked.address.agent} is ${Math.abs(seconds)} s ${seconds > 0 ? "ahead" : "behind"}; times in the console's log are corrected: set that host's clock`,
      data: { agent: linked.address.agent, aheadSeconds: seconds },
    });
  }

  #found(finding: StageFinding): void {
    if (finding.kind === "boot") {
      this.log.beginBoot(finding.at);
      this.#inBoot = true;
    } else if (finding.kind === "stage") {
      if (this.#inBoot) this.log.reachStage(finding.stage, finding.at.atMicros);
      else this.stages.keep(this.node, { stage: finding.stage, sinceMicros: finding.at.atMicros });
      this.#stage = { value: finding.stage, sinceMicros: finding.at.atMicros };
    }
    this.taps.finding(this.node, finding);
    this.changed(this.node);
  }
}

/** As the agent tells it, which repeats what it was told. */
function closedBy({ actor, until, reason }: DeviceClosing): ConsoleClosing {
  const why = reason === undefined ? "" : seemly(reason, 500);
  return {
    actor: ACTOR_PATTERN.test(actor) ? actor : "person:unknown",
    until,
    ...(why === "" ? {} : { reason: why }),
  };
}

import { createHash } from "node:crypto";
import type { AuditEntry } from "@outrider/audit/audit-entry";
import { seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { RunScript, ScriptRun } from "@outrider/contracts/console-operations";
import type { Via } from "@outrider/contracts/power";
import type { IdentityStore } from "@outrider/identity/identity-store";
import { may, type Subject } from "@outrider/identity/subject";
import type { Log } from "@outrider/messaging/log";
import { mintCommandId } from "@outrider/messaging/mint-id";
import type { Storage } from "@outrider/storage/storage";
import { isStorageError } from "@outrider/storage/storage-error";
import { meet, standing } from "../http/subjects.js";
import type { Consoles } from "../intake/consoles.js";
import { ActRefused } from "../sessions/act-refused.js";
import type { Attachment, Viewer } from "../sessions/attachment.js";
import { auditEntry, type Actor } from "../sessions/console-audit.js";
import type { Happening } from "../sessions/console-parts.js";
import { seemly } from "../sessions/seemly.js";
import { parseScript } from "./script-parser.js";
import { ScriptRunner, type ScriptEnded, type ScriptSeat } from "./script-run.js";
import { ScriptStore } from "./script-store.js";

const MOST_AT_ONCE = 32;
/** A script shows that it is there, so that it does not count as idle while it waits. */
const SIGN_OF_LIFE = seconds(5);

export interface ScriptsOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: Log;
  readonly consoles: Consoles;
  readonly identity: IdentityStore;
  readonly happened: (node: ScriptRun["node"], event: Happening) => void;
  readonly audit: (entry: AuditEntry) => Promise<void>;
  readonly defect: (error: unknown) => void;
}

interface Running {
  run: ScriptRun;
  readonly runner: ScriptRunner;
  readonly done: Promise<void>;
}

/** Runs scripts at consoles, each with the console to itself. */
export class Scripts {
  readonly store: ScriptStore;
  readonly #running = new Map<string, Running>();
  #stopping = false;

  constructor(private readonly options: ScriptsOptions) {
    this.store = new ScriptStore(options.storage);
  }

  /** @throws StorageError */
  async start(): Promise<void> {
    await this.store.settle(this.options.clock.now().getTime());
  }

  /**
   * Begins a script; it is under way once this resolves.
   * @throws ScriptError, ActRefused, AttachRefused, StorageError
   */
  async begin(asked: RunScript, actor: string, via: Via): Promise<ScriptRun> {
    const { clock, audit } = this.options;
    const steps = parseScript(asked.script);
    if (this.#stopping || this.#running.size >= MOST_AT_ONCE) {
      throw new ActRefused("busy", `${this.#running.size} scripts run already; try again later`);
    }
    const who: Actor = { actor, way: "script", via };
    const id = mintCommandId();
    const sha256 = createHash("sha256").update(asked.script).digest("hex");
    const { deadlineMs, take = false, reason } = asked;
    await audit(
      auditEntry(who, "script", asked.node, { reason, data: { id, sha256, deadlineMs, take } }),
    );
    const seat = await this.#sit(asked, who);
    const runner = new ScriptRunner(steps, seat, clock);
    seat.connect(runner);
    const run: ScriptRun = {
      id,
      node: asked.node,
      actor,
      state: "running",
      startedAt: timestamp(clock),
      line: 0,
    };
    try {
      await this.store.begin(run);
    } catch (error) {
      seat.leave("the script could not be recorded");
      throw error;
    }
    const done = runner
      .run(deadlineMs)
      .then((end) => this.#ended(id, who, end, seat))
      .catch((error: unknown) => this.options.defect(error));
    this.#running.set(id, { run, runner, done });
    return run;
  }

  /** @throws StorageError */
  async get(id: string): Promise<ScriptRun | undefined> {
    const running = this.#running.get(id);
    return running ? { ...running.run, line: running.runner.line } : this.store.get(id);
  }

  /** @returns undefined when there is none; one that has ended stays as it is @throws StorageError */
  async abort(id: string, actor: string, via: Via): Promise<ScriptRun | undefined> {
    const running = this.#running.get(id);
    if (!running) return this.store.get(id);
    const who: Actor = { actor, way: "script", via };
    await this.options.audit(auditEntry(who, "abort-script", running.run.node, { data: { id } }));
    running.runner.end("aborted", `${actor} has stopped it`);
    await running.done;
    return this.store.get(id);
  }

  /** @throws StorageError */
  async list(): Promise<ScriptRun[]> {
    const runs = await this.store.list();
    return runs.map((run) => {
      const running = this.#running.get(run.id);
      return running ? { ...run, line: running.runner.line } : run;
    });
  }

  /** @throws StorageError */
  async transcript(id: string): Promise<string | undefined> {
    return this.#running.get(id)?.runner.transcript.text ?? this.store.transcript(id);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const running = [...this.#running.values()];
    for (const { runner } of running) runner.end("aborted", "the console service stops");
    await Promise.all(running.map(({ done }) => done));
  }

  async #sit({ node, take }: RunScript, who: Actor): Promise<Seat> {
    const { consoles, identity, clock } = this.options;
    const admitted = subjectOf(who.actor, node);
    await meet(admitted, identity);
    const subject = standing(admitted, identity);
    const seat = new Seat(clock, () => {
      const now = subject();
      return now !== undefined && may(now, "console-write", node) === true;
    });
    const visitor = { ...who, subject };
    const mode = take ? "take" : "write";
    const place = await consoles.attach(node, visitor, { mode, replay: "none", raw: true }, seat);
    if (!place.writes) {
      const writer = consoles.get(node)?.console.writer?.visitor.actor;
      place.detach("somebody else types");
      throw new ActRefused(
        "busy",
        writer === undefined ? "the console cannot be written" : `${writer} types there`,
      );
    }
    const far = consoles.get(node)?.console.far;
    if (!far) throw new ActRefused("unreachable", "the console has gone");
    seat.take(place, (bytes, signal) => far.write(bytes, signal));
    return seat;
  }

  async #ended(id: string, who: Actor, end: ScriptEnded, seat: Seat): Promise<void> {
    const { clock, happened, audit, log } = this.options;
    const running = this.#running.get(id);
    if (!running) return;
    const { runner } = running;
    seat.leave("the script has ended");
    const detail = end.detail === undefined ? undefined : seemly(end.detail, 1000);
    const run: ScriptRun = {
      ...running.run,
      state: end.state,
      endedAt: timestamp(clock),
      line: runner.line,
      ...(detail === undefined ? {} : { detail }),
    };
    happened(run.node, {
      severity: end.state === "succeeded" ? "info" : "warning",
      kind: "console-script",
      message: `a script by ${run.actor} has ${WORDS[end.state]}${detail === undefined ? "" : `: ${detail}`}`,
      data: { script: id, actor: run.actor, state: end.state, line: run.line },
    });
    try {
      await this.store.end(run, runner.transcript.text);
      const data = { id, state: end.state };
      await audit(auditEntry(who, "script", run.node, { stage: "outcome", data }));
    } catch (error) {
      if (!isStorageError(error)) throw error;
      log.error({ script: id, err: error }, "what became of a script could not be stored");
    } finally {
      this.#running.delete(id);
    }
  }
}

const WORDS = {
  succeeded: "succeeded",
  failed: "failed",
  "timed-out": "run out of time",
  aborted: "been stopped",
} as const;

/** A script's place at a console: the viewer of its bytes, and what types for it. */
class Seat implements ScriptSeat, Viewer {
  #place: Attachment | undefined;
  #write: ((bytes: Buffer, signal: AbortSignal) => Promise<void>) | undefined;
  #runner: ScriptRunner | undefined;
  #stop: (() => void) | undefined;
  #early: Uint8Array[] = [];

  constructor(
    private readonly clock: Clock,
    /** Whether who runs it may type here, as things stand now. */
    private readonly mayType: () => boolean,
  ) {}

  take(place: Attachment, write: (bytes: Buffer, signal: AbortSignal) => Promise<void>): void {
    this.#place = place;
    this.#write = write;
    this.#stop = this.clock.every(SIGN_OF_LIFE, () => void place.ask({ ask: "who" }));
  }

  connect(runner: ScriptRunner): void {
    this.#runner = runner;
    for (const chunk of this.#early) runner.bytes(chunk);
    this.#early = [];
  }

  leave(why: string): void {
    this.#stop?.();
    this.#place?.detach(why);
  }

  readonly type = async (bytes: Buffer, signal: AbortSignal): Promise<void> => {
    if (!this.#place?.writes) throw new ActRefused("not-writing", "the console was taken away");
    if (!this.mayType()) throw new ActRefused("not-allowed", "who runs it may not type here now");
    await this.#write?.(bytes, signal);
  };

  readonly ask: ScriptSeat["ask"] = async (ask) => {
    if (!this.#place) throw new ActRefused("aborted", "the script has left");
    const { told, code, text = "" } = await this.#place.ask(ask);
    if (told === "done") return text;
    throw new ActRefused("failed", code === undefined ? text : `${text} (${code})`);
  };

  bytes(chunk: Uint8Array): boolean {
    if (this.#runner) this.#runner.bytes(chunk);
    else this.#early.push(chunk);
    return true;
  }

  onDrain(): void {
    // It always takes more.
  }

  told(told: Parameters<Viewer["told"]>[0]): void {
    if (told.told === "mode" && told.writes === false) {
      this.#runner?.end("failed", told.text ?? "the console was taken away");
    }
    if (told.told === "bye") this.#runner?.end("failed", told.text ?? "the console was closed");
  }
}

/** Who runs a script may write that console now, as the gateway has checked; what they lose meanwhile counts at once. */
function subjectOf(actor: string, node: string): Subject {
  const [kind = "", name = ""] = actor.split(/:(.*)/s);
  const kinds = ["person", "anonymous"] as const;
  return {
    kind: kinds.find((one) => one === kind) ?? "service",
    name,
    rights: ["read", "console-read", "console-write"],
    nodes: [node],
  };
}

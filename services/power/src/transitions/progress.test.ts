import { array, assert, constantFrom, integer, nat, option, property, record } from "fast-check";
import { isTaskEnded } from "@outrider/contracts/transition";
import { describe, expect, it } from "vitest";
import { MAX_ASKING, MAX_DRAINING, nextTasks } from "./next-tasks.js";
import { Progress, type Stop, type Task } from "./progress.js";
import type { Ending, Head, TaskRecord } from "./task.js";
import { AT, FakeWorld, orderOf, tasksOf } from "./testing/world.js";

const FRESH: Head = { state: "InProgress", revision: 1 };

describe("the progress of a transition", () => {
  it("is completed once every task has ended, however", () => {
    const progress = new Progress(orderOf(), FRESH, tasksOf(2));
    progress.begin(0, "asking", 0, AT);
    progress.ended(0, { status: "Failed", reasonCode: "refused", detail: "no" }, AT);
    expect(progress.isEnded).toBe(false);
    progress.begin(1, "asking", 0, AT);
    progress.accepted(1, AT);
    progress.ended(1, { status: "Succeeded" }, AT);
    expect(progress.head).toMatchObject({ state: "Completed", endedAt: AT });
    expect(progress.counts).toMatchObject({ failed: 1, succeeded: 1, waiting: 0, running: 0 });
  });

  it("ends what waits when it is aborted and lets the rest go on; a second abort changes nothing", () => {
    const progress = new Progress(orderOf(), FRESH, tasksOf(3));
    progress.begin(0, "asking", 0, AT);
    progress.accepted(0, AT);
    progress.stop("aborted", "user:bert", AT);
    expect(progress.head).toMatchObject({ state: "Aborting", abortedBy: "user:bert" });
    expect(progress.at(2)).toMatchObject({ state: "Canceled", reasonCode: "aborted" });
    const before = progress.takeChanges();
    expect(before?.tasks).toHaveLength(3);
    progress.stop("aborted", "user:carl", AT);
    expect(progress.takeChanges()).toBeUndefined();
    progress.ended(0, { status: "Succeeded" }, AT);
    expect(progress.head.state).toBe("Aborted");
  });

  it("gives up what has not begun at its deadline, and is completed all the same", () => {
    const progress = new Progress(orderOf(), FRESH, tasksOf(2));
    progress.begin(0, "asking", 0, AT);
    progress.stop("expired", undefined, AT);
    expect(progress.at(1)).toMatchObject({ state: "Canceled", reasonCode: "expired" });
    progress.ended(0, { status: "Succeeded" }, AT);
    expect(progress.head.state).toBe("Completed");
  });

  it("counts a revision for each recorded change and tells each change once", () => {
    const progress = new Progress(orderOf(), FRESH, tasksOf(2));
    expect(progress.takeChanges()).toBeUndefined();
    progress.begin(0, "draining", 0, AT);
    progress.drained(0, undefined);
    const changes = progress.takeChanges();
    expect(changes).toMatchObject({ head: { revision: 2 } });
    expect(changes?.tasks).toMatchObject([{ node: "n1", state: "Running", stage: "asking" }]);
    expect(progress.takeChanges()).toBeUndefined();
  });

  it("keeps its promises whatever happens, over crashes too", () => {
    const event = record({
      kind: constantFrom(
        "answer",
        "answer",
        "reject",
        "end",
        "end",
        "drained",
        "drain-failed",
        "pass",
        "abort",
        "expire",
        "crash",
        "reconnect",
      ),
      which: nat(1000),
    });
    assert(
      property(
        integer({ min: 1, max: 90 }),
        record({
          parallel: option(integer({ min: 1, max: 20 }), { nil: undefined }),
          staggerMs: option(integer({ min: 1, max: 500 }), { nil: undefined }),
        }),
        integer({ min: 1, max: 10 }),
        array(event, { maxLength: 120 }),
        (count, limits, ahead, events) => new Rig(count, limits, ahead).run(events),
      ),
      { numRuns: 200 },
    );
  });
});

interface Event {
  readonly kind: string;
  readonly which: number;
}

/** A transition in a world that does as it likes, with a journal that survives. */
class Rig {
  readonly #world = new FakeWorld();
  /** What the journal of commands holds: undefined while a command goes on. */
  readonly #journal = new Map<string, Ending | undefined>();
  /** How often each command was asked for by one process. */
  #asked = new Set<string>();
  #recorded: TaskRecord[];
  #head: Head = FRESH;
  #progress: Progress;
  #nowMs = 0;
  #lastBegunMs = -Infinity;
  #isStopped = false;

  constructor(
    private readonly count: number,
    private readonly limits: { parallel?: number | undefined; staggerMs?: number | undefined },
    private readonly ahead: number,
  ) {
    this.#recorded = tasksOf(count);
    for (const { node } of this.#recorded) {
      const number = Number(node.slice(1));
      if (number % 3 === 0) this.#world.drains.add(node);
      if (number % 2 === 0) this.#world.windows.set(node, { domain: "psu-a", ahead });
    }
    this.#progress = new Progress(orderOf(limits), FRESH, this.#recorded);
  }

  run(events: readonly Event[]): void {
    for (const { kind, which } of events) {
      this.#happen(kind, which);
      this.#look();
      this.#check();
    }
    // Left to itself it comes to an end.
    for (let round = 0; !this.#progress.isEnded; round++) {
      if (round > 40 * this.count + 100) throw new Error("it does not end");
      this.#world.connected = true;
      for (const task of this.#progress.inFlight()) {
        this.#happenTo(task.stage === "draining" ? "drained" : "answer", task);
      }
      for (const task of this.#progress.inFlight()) this.#happenTo("end", task);
      this.#nowMs += this.limits.staggerMs ?? 1;
      this.#look();
      this.#check();
    }
    must(
      this.#progress.tasks.every(({ state }) => isTaskEnded(state)),
      "every task ends",
    );
    // Who was told of a refusal was not acted upon, and who was acted upon is told what the journal says.
    for (const { command, state } of this.#progress.tasks) {
      const ending = this.#journal.get(command);
      must(ending === undefined || state === ending.status, "the journal is right");
      if (!this.#journal.has(command)) {
        must(state === "Canceled" || state === "Rejected", "what was not done is not said to be");
      }
    }
  }

  #happen(kind: string, which: number): void {
    const flying = [...this.#progress.inFlight()];
    const task = flying[which % Math.max(1, flying.length)];
    switch (kind) {
      case "pass":
        this.#nowMs += which;
        return;
      case "abort":
      case "expire":
        this.#stop(kind === "abort" ? "aborted" : "expired");
        return;
      case "reconnect":
        this.#world.connected = !this.#world.connected;
        return;
      case "crash":
        return this.#crash(which % 2 === 0);
      default:
        if (task) this.#happenTo(kind, task);
    }
  }

  #happenTo(kind: string, { position, stage, command, node }: Task): void {
    switch (kind) {
      case "answer":
        if (stage !== "asking") return;
        this.#journal.set(command, undefined);
        this.#world.queued.add(node);
        return this.#progress.accepted(position, AT);
      case "reject":
        if (stage !== "asking") return;
        this.#journal.set(command, { status: "Rejected" });
        return this.#progress.ended(position, { status: "Rejected" }, AT);
      case "end":
        if (stage !== "going") return;
        this.#world.queued.delete(node);
        this.#journal.set(command, { status: "Succeeded" });
        return this.#progress.ended(position, { status: "Succeeded" }, AT);
      case "drained":
        if (stage === "draining") this.#ask(command);
        return this.#progress.drained(position, undefined);
      case "drain-failed":
        if (stage === "draining") this.#progress.ended(position, { status: "Rejected" }, AT);
        return;
    }
  }

  #look(): void {
    const next = nextTasks(this.#progress, this.#world, this.#nowMs);
    for (const { position } of next.hesitate) this.#progress.hesitate(position, this.#nowMs);
    for (const { task, ending } of next.refuse) this.#progress.ended(task.position, ending, AT);
    for (const { task, stage } of next.begin) {
      must(!this.#isStopped, "nothing begins after the stop");
      const { staggerMs = 0 } = this.limits;
      must(this.#nowMs - this.#lastBegunMs >= staggerMs, "begins keep their distance");
      this.#lastBegunMs = this.#nowMs;
      this.#progress.begin(task.position, stage, this.#nowMs, AT);
      if (stage === "asking") this.#ask(task.command);
    }
  }

  #ask(command: string): void {
    must(!this.#asked.has(command), "a process asks once");
    this.#asked.add(command);
  }

  /** @param isRecorded whether what had changed was recorded before */
  #crash(isRecorded: boolean): void {
    const changes = isRecorded ? this.#progress.takeChanges() : undefined;
    if (changes) {
      this.#head = changes.head;
      for (const { position, ...task } of changes.tasks) this.#recorded[position] = task;
    }
    this.#asked = new Set();
    this.#lastBegunMs = -Infinity;
    // An abort is answered once it is recorded; one that was not is as if it had not been asked for.
    this.#isStopped = this.#head.state === "Aborting" || this.#head.endedAt !== undefined;
    this.#progress = new Progress(orderOf(this.limits), this.#head, this.#recorded);
    for (const { position, command } of this.#progress.waiting()) {
      if (!this.#journal.has(command)) continue;
      const ending = this.#journal.get(command);
      this.#progress.accepted(position, AT);
      if (ending) this.#progress.ended(position, ending, AT);
    }
    if (this.#progress.stopped) this.#stop(this.#progress.stopped);
  }

  #stop(why: Stop): void {
    this.#isStopped = true;
    this.#progress.stop(why, "user:bert", AT);
    for (const task of this.#progress.waiting()) {
      must(task.wasDrained === true, "only what was drained is left to its undrain hooks");
      this.#progress.ended(task.position, this.#progress.stopEnding(task), AT);
    }
  }

  #check(): void {
    const flying = [...this.#progress.inFlight()];
    const { counts, tasks } = this.#progress;
    const total = Object.values(counts).reduce((sum, one) => sum + one, 0);
    must(total === tasks.length, "the counts are complete");
    must(counts.running === flying.length, "what flies is counted");
    const asking = flying.filter(({ stage }) => stage === "asking");
    // Drained nodes are asked for at once.
    must(asking.length <= MAX_ASKING + MAX_DRAINING, "few questions are open");
    must(flying.length <= (this.limits.parallel ?? Infinity), "no more run than shall");
    const waiting = flying.filter(
      ({ node, stage }) =>
        this.#world.windows.has(node) && (stage !== "going" || this.#world.queued.has(node)),
    );
    must(waiting.length <= this.ahead, "few wait for a start");
  }
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`broken: ${what}`);
}

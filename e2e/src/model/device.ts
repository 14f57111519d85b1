import type { CommandId } from "@outrider/contracts/ids";
import type { Host } from "@outrider/contracts/power";
import type { Scheduler } from "./scheduler.js";

export type EdgeKind = "on" | "off" | "press" | "sys-rq" | "host-off";

/** What physically happened, and which command was the cause. The judge of the model. */
export interface Edge {
  readonly kind: EdgeKind;
  readonly atMs: number;
  /** When the device was asked. */
  readonly askedMs: number;
  readonly cause: CommandId;
}

const TAKES_MS = 10;

/** One machine. It outlives everybody who asks it for something. */
export class Device {
  readonly edges: Edge[] = [];
  host: Host;
  /** Until then it can neither be read nor does it answer; it may still obey. */
  silentUntilMs = 0;
  #boot = 0;

  constructor(
    private readonly scheduler: Scheduler,
    public supply: "On" | "Off",
    private readonly obeys: boolean,
    /** Whether its kernel obeys its console. */
    private readonly obeysSysRq: boolean,
  ) {
    this.host = supply === "On" ? "Running" : "Unknown";
  }

  get silent(): boolean {
    return this.scheduler.nowMs < this.silentUntilMs;
  }

  read(): "On" | "Off" | undefined {
    return this.silent ? undefined : this.supply;
  }

  /** @returns whether it will answer */
  ask(what: "on" | "off" | "press" | "sys-rq", cause: CommandId): boolean {
    const askedMs = this.scheduler.nowMs;
    const answers = !this.silent;
    if (answers || this.scheduler.random() < 0.5) {
      this.scheduler.after(TAKES_MS, () => this.#do(what, cause, askedMs));
    }
    return answers;
  }

  #do(what: "on" | "off" | "press" | "sys-rq", cause: CommandId, askedMs: number): void {
    if (what === "press" || what === "sys-rq") {
      this.#edge(what, cause, askedMs);
      const obeys = what === "press" ? this.obeys : this.obeysSysRq;
      if (this.host !== "Running" || !obeys) return;
      const boot = this.#boot;
      this.scheduler.after(this.scheduler.between(500, 3_000), () => {
        // Another boot was not asked to end.
        if (this.#boot === boot) this.#switch("Off", "host-off", cause, askedMs);
      });
      return;
    }
    const wanted = what === "on" ? "On" : "Off";
    if (this.supply !== wanted) this.#switch(wanted, what, cause, askedMs);
  }

  #switch(supply: "On" | "Off", kind: EdgeKind, cause: CommandId, askedMs: number): void {
    this.supply = supply;
    this.#boot += 1;
    this.host = supply === "On" ? "Running" : "Halted";
    this.#edge(kind, cause, askedMs);
  }

  #edge(kind: EdgeKind, cause: CommandId, askedMs: number): void {
    const { nowMs } = this.scheduler;
    this.scheduler.note(`DEVICE ${kind} by ${cause}`);
    this.edges.push({ kind, atMs: nowMs, askedMs, cause });
  }
}

import type { EdgeLog } from "./edge-log.js";
import type { SimClock } from "./sim-clock.js";
import { SimulatedConsole } from "./simulated-console.js";
import type { EdgeCause, EdgeName, Faults, HostState, SlotView } from "./slot-api.js";
import type { UartLine } from "./uart-line.js";

export const SIMULATED_FLAVOURS = ["normal", "ignores-button", "halts-itself"] as const;
/** `normal` obeys; `ignores-button` never reacts to a short press; `halts-itself` halts some time after each boot. */
export type SimulatedFlavour = (typeof SIMULATED_FLAVOURS)[number];

/** How one simulated machine behaves. */
export interface SimulatedSlotSpec {
  readonly flavour: SimulatedFlavour;
  /** From start until the guest reacts to its button. */
  readonly bootMs: number;
  /** From the press until the guest is halted in order. */
  readonly shutdownMs: number;
  /** From the end of the boot until a `halts-itself` guest halts. */
  readonly haltAfterMs: number;
  readonly runningWatts: number;
  /** Drawn from the moment the supply comes on, for `startingMs`. */
  readonly startingWatts: number;
  readonly startingMs: number;
  /** Halted, with the supply still on. */
  readonly haltedWatts: number;
  /** Speed of its console; 0: as fast as it can. */
  readonly consoleBytesPerSecond: number;
}

export const DEFAULT_SIMULATED_SLOT: SimulatedSlotSpec = {
  flavour: "normal",
  bootMs: 50,
  shutdownMs: 50,
  haltAfterMs: 200,
  runningWatts: 5,
  startingWatts: 5,
  startingMs: 0,
  haltedWatts: 0.8,
  consoleBytesPerSecond: 0,
};

const BY_BUTTON = "systemd-logind[412]: Power key pressed short. Powering off...";

/** What all slots of a rack draw together. */
export interface DrawTotal {
  watts: number;
}

/**
 * One simulated machine: supply, button, reset line and a guest that boots, shuts down and panics.
 * A press while the guest boots takes effect at the end of the boot, so that an outcome never
 * depends on how fast the caller was.
 */
export class SimulatedSlot {
  #host: HostState = "off";
  #bootId: string | undefined;
  #booted = false;
  #shutdownAsked = false;
  #cancel: () => void = () => {};
  #settled = true;
  #settle: () => void = () => {};
  readonly #console: SimulatedConsole;

  constructor(
    readonly slot: number,
    private readonly spec: SimulatedSlotSpec,
    private readonly edges: EdgeLog,
    private readonly clock: SimClock,
    private readonly faults: () => Faults,
    private readonly draw: DrawTotal,
    line: UartLine,
  ) {
    const host = {
      powerOff: () => this.halt("guest"),
      shutDown: () => this.#shutDown("The system will power off now!"),
      restart: () => this.reset("guest-reset", "guest"),
      panic: (why: string) => this.panic(why),
    };
    this.#console = new SimulatedConsole(slot, clock, line, host, spec.consoleBytesPerSecond);
  }

  view(): SlotView {
    return {
      slot: this.slot,
      supply: this.#host === "off" ? "off" : "on",
      host: this.#host,
      flavour: this.spec.flavour,
      drawWatts: this.#drawWatts(),
      ...(this.#bootId === undefined ? {} : { bootId: this.#bootId }),
    };
  }

  supplyOn(): void {
    if (this.#host !== "off") return;
    this.#surge();
    this.#start("supply-on", "api");
  }

  supplyOff(edge: "supply-off" | "brown-out", cause: EdgeCause): void {
    if (this.#host === "off") return;
    this.#settle();
    this.#stop("off");
    this.#console.cut();
    this.#bootId = undefined;
    this.edges.add(this.slot, edge, cause);
  }

  /** Starts the machine anew. A line pulled on a dead board does nothing. */
  reset(edge: "reset" | "guest-reset", cause: EdgeCause): void {
    if (this.#host === "off" || (cause === "guest" && this.#host === "halted")) return;
    this.#start(edge, cause);
  }

  /** The guest panics on it, as a kernel with `unknown_nmi_panic` does. */
  nmi(): void {
    if (this.#host !== "running") return;
    this.edges.add(this.slot, "nmi", "api");
    this.panic("NMI: Not continuing");
  }

  /** A short press asks a running guest to shut down and wakes a halted one; a hold halts by force. */
  press(hold: boolean): void {
    if (this.#host === "off") return;
    if (this.#host === "halted") {
      if (!hold) this.#start("press", "api");
      else this.edges.add(this.slot, "press", "api");
      return;
    }
    this.edges.add(this.slot, "press", "api");
    if (hold) this.halt("api");
    else if (!this.#ignoresButton()) this.#askShutdown();
  }

  halt(cause: EdgeCause): void {
    if (this.#host !== "running" && !(cause === "api" && this.#host === "panicked")) return;
    this.#stop("halted");
    this.#console.halted(cause === "guest");
    this.edges.add(this.slot, "halted", cause);
  }

  panic(why: string): void {
    if (this.#host !== "running") return;
    this.#stop("panicked");
    this.#console.panicked(why);
    this.edges.add(this.slot, "panicked", "guest");
  }

  /** The console's line is held in the break condition. */
  breakReceived(): void {
    if (this.#host === "running" || this.#host === "panicked") this.#console.broke();
  }

  #start(edge: EdgeName, cause: EdgeCause): void {
    this.#stop("running");
    this.#bootId = `boot-${this.edges.add(this.slot, edge, cause).seq}`;
    this.#console.started(this.spec.bootMs);
    this.#cancel = this.clock.after(this.spec.bootMs, () => this.#bootEnds());
  }

  #bootEnds(): void {
    this.#booted = true;
    this.#console.booted();
    if (this.#shutdownAsked) this.#shutDown(BY_BUTTON);
    else if (this.spec.flavour === "halts-itself") {
      this.#cancel = this.clock.after(this.spec.haltAfterMs, () => this.halt("guest"));
    }
  }

  #askShutdown(): void {
    if (this.#host !== "running" || this.#shutdownAsked) return;
    this.#shutdownAsked = true;
    if (this.#booted) this.#shutDown(BY_BUTTON);
  }

  #shutDown(why: string): void {
    this.#cancel();
    this.#shutdownAsked = true;
    this.#console.shuttingDown(why);
    const takesMs = this.faults().shutdownTakesMs ?? this.spec.shutdownMs;
    this.#cancel = this.clock.after(takesMs, () => this.halt("guest"));
  }

  /** What a board draws more than later: its capacitors, then its disks. */
  #surge(): void {
    if (this.spec.startingMs === 0) return;
    this.#settled = false;
    const cancel = this.clock.after(this.spec.startingMs, () => this.#settle());
    this.#settle = () => {
      cancel();
      this.#settle = () => {};
      this.#changing(() => (this.#settled = true));
    };
  }

  /** Keeps the sum over all slots right. */
  #changing(change: () => void): void {
    const beforeWatts = this.#drawWatts();
    change();
    this.draw.watts += this.#drawWatts() - beforeWatts;
  }

  #stop(host: HostState): void {
    this.#cancel();
    this.#cancel = () => {};
    this.#booted = false;
    this.#shutdownAsked = false;
    this.#changing(() => (this.#host = host));
  }

  #ignoresButton(): boolean {
    return this.spec.flavour === "ignores-button" || this.faults().ignoreButton === true;
  }

  #drawWatts(): number {
    if (this.#host === "off") return 0;
    if (!this.#settled) return this.spec.startingWatts;
    return this.#host === "halted" ? this.spec.haltedWatts : this.spec.runningWatts;
  }
}

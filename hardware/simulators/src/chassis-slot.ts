import { cpuSeconds } from "./cpu-time.js";
import type { EdgeLog } from "./edge-log.js";
import type { FaultKnobs } from "./fault-knobs.js";
import { Lane } from "./lane.js";
import { CONSOLE_ID, type Machine } from "./qemu-command.js";
import { QmpError, type QmpEvent, type QmpGreeting } from "./qmp-monitor.js";
import {
  HOLD_MS,
  type Edge,
  type EdgeCause,
  type EdgeName,
  type HostState,
  type SlotView,
} from "./slot-api.js";
import { VirtualMachine } from "./virtual-machine.js";

const RESET_MS = 5000;
/** The processor's load is measured over at least this span: the kernel counts in steps of 10 ms. */
const LOAD_SPAN_MS = 200;

/** What a slot tells the sockets in front of it. */
export interface SlotFronts {
  attachConsole(machine: VirtualMachine): void;
  broadcast(event: QmpEvent): void;
  supplyLost(): void;
}

/**
 * One slot with a real virtual machine: the supply is the process. Buttons and lines act as on a board, whichever
 * door a request came by; edges are written when the process, or QEMU's own event, says that it happened.
 */
export class ChassisSlot {
  #machine: VirtualMachine | undefined;
  #greeting: QmpGreeting | undefined;
  #host: HostState = "off";
  #bootId: string | undefined;
  /** The supply goes because the chassis takes it. */
  #switchingOff = false;
  /** Halted by a held button: the processors are stopped, and only a reset starts them. */
  #heldOff = false;
  /** A reset of ours is part of a wake, which is one edge already: the press. */
  #waking = false;
  #onReset: (() => void) | undefined;
  /** The console has said something since the last reset: a firmware's own extra resets come before any word of it. */
  #spoke = false;
  #load = { cpuSeconds: 0, atMs: 0, busy: 0 };
  /** The relay and the board are two things: a board that hangs does not keep its supply on. */
  readonly #relay = new Lane();
  readonly #board = new Lane();

  constructor(
    readonly slot: number,
    private readonly prepare: () => Promise<Machine>,
    private readonly flavour: Machine["flavour"],
    private readonly edges: EdgeLog,
    private readonly knobs: FaultKnobs,
    private readonly fronts: SlotFronts,
  ) {}

  get greeting(): QmpGreeting | undefined {
    return this.#greeting;
  }

  view(): SlotView {
    return {
      slot: this.slot,
      supply: this.#machine ? "on" : "off",
      host: this.#host,
      flavour: this.flavour,
      drawWatts: this.#drawWatts(),
      ...(this.#machine ? { pid: this.#machine.pid } : {}),
      ...(this.#bootId === undefined ? {} : { bootId: this.#bootId }),
    };
  }

  consoleSpoke(): void {
    this.#spoke = true;
  }

  /** @throws SlotError `refused` or `failed` */
  setSupply(on: boolean): Promise<void> {
    return this.#inTurn(this.#relay, async () => {
      if ((this.#machine !== undefined) === on) return;
      if (this.knobs.supplyChange(on) === "stuck") return;
      if (on) await this.#supplyOn();
      else await this.#supplyOff();
    });
  }

  /** @throws QmpError as QEMU has it, or when the supply goes meanwhile */
  press(holdMs: number): Promise<void> {
    return this.#inTurn(this.#board, async () => {
      const machine = this.#machine;
      if (!machine) return;
      const hold = holdMs >= HOLD_MS;
      const edge = this.#edge("press", "api");
      if (this.#host === "halted") {
        if (!hold) await this.#wake(machine, edge);
      } else if (hold) await this.#holdOff(machine);
      else if (this.#host === "running" && this.knobs.current.ignoreButton !== true) {
        await machine.monitor.execute("system_powerdown");
      }
    });
  }

  /** The reset line also starts what is halted or has panicked. @throws QmpError */
  reset(): Promise<void> {
    return this.#inTurn(this.#board, async () => {
      const machine = this.#machine;
      if (machine) await this.#restart(machine, false);
    });
  }

  /** @throws QmpError where the machine has no such line */
  nmi(): Promise<void> {
    return this.#inTurn(this.#board, async () => {
      const machine = this.#machine;
      if (!machine) return;
      // Before the answer: the panic that follows may be told in the same breath.
      if (this.flavour !== "uboot" && this.#host === "running") this.#edge("nmi", "api");
      await machine.monitor.execute("inject-nmi");
    });
  }

  /** QEMU's break has no length: the UART sees that one began. @throws QmpError */
  async sendBreak(): Promise<void> {
    await this.knobs.delay();
    await this.#machine?.monitor.execute("chardev-send-break", { id: CONSOLE_ID });
  }

  /** Any other QMP command, as QEMU takes it. @throws QmpError */
  async qmp(command: string, args: unknown): Promise<unknown> {
    if (!this.#machine) throw new QmpError("SupplyLost", "The supply is off.");
    if (this.#heldOff) {
      if (command === "query-status")
        return { status: "shutdown", singlestep: false, running: false };
      if (command === "cont")
        throw new QmpError("GenericError", "Resetting the Virtual Machine is required");
    }
    return this.#machine.monitor.execute(command, args);
  }

  /** Takes the supply away as from outside. */
  async brownOut(): Promise<void> {
    await this.#machine?.end();
  }

  /** Takes the supply away without waiting. */
  kill(): void {
    this.#machine?.kill();
  }

  /** Takes the supply away for good, faults or not. */
  close(): Promise<void> {
    return this.#machine ? this.#supplyOff() : Promise.resolve();
  }

  async #supplyOn(): Promise<void> {
    const plan = await this.prepare();
    this.#switchingOff = false;
    const machine = await VirtualMachine.start(plan, {
      event: (event) => this.#take(event),
      exited: () => this.#exited(),
    });
    this.#machine = machine;
    this.#host = "running";
    this.#bootId = bootId(this.#edge("supply-on", "api"));
    this.#load = { cpuSeconds: 0, atMs: performance.now(), busy: 0 };
    this.fronts.attachConsole(machine);
    this.#greeting = await machine.open();
  }

  async #supplyOff(): Promise<void> {
    this.#switchingOff = true;
    await this.#machine?.end();
  }

  #exited(): void {
    this.#machine = undefined;
    this.#greeting = undefined;
    this.#host = "off";
    this.#bootId = undefined;
    this.#heldOff = false;
    this.#spoke = false;
    this.#onReset?.();
    if (this.#switchingOff) this.#edge("supply-off", "api");
    else this.#edge("brown-out", "outside");
    this.fronts.supplyLost();
  }

  async #wake(machine: VirtualMachine, press: Edge): Promise<void> {
    this.#bootId = bootId(press);
    await this.#restart(machine, true);
  }

  async #restart(machine: VirtualMachine, waking: boolean): Promise<void> {
    const standing = this.#host === "halted" || this.#host === "panicked";
    this.#waking = waking;
    const done = new Promise<void>((resolve) => (this.#onReset = resolve));
    await machine.monitor.execute("system_reset");
    // QEMU tells one of two resets that fall together; ours may be the one left out.
    const late = setTimeout(() => this.#onReset?.(), RESET_MS);
    await done;
    clearTimeout(late);
    this.#onReset = undefined;
    this.#waking = false;
    this.#heldOff = false;
    // After a halt QEMU stays stopped through a reset; a board does not.
    if (standing) await machine.monitor.execute("cont");
  }

  /** QEMU has no way to cut a guest off and stay: stopped processors that only a reset starts are the same. */
  async #holdOff(machine: VirtualMachine): Promise<void> {
    this.#heldOff = true;
    this.#host = "halted";
    this.#edge("halted", "api");
    await machine.monitor.execute("stop");
  }

  #take(event: QmpEvent): void {
    const byGuest = event.data?.["guest"] === true;
    if (event.event === "RESET") this.#resetSeen(byGuest);
    else if (event.event === "SHUTDOWN" && this.#host === "running") {
      this.#host = "halted";
      this.#edge("halted", byGuest ? "guest" : "api");
    } else if (event.event === "GUEST_PANICKED" && this.#host === "running") {
      this.#host = "panicked";
      this.#edge("panicked", "guest");
    } else if (event.event === "STOP" && this.#host === "running") this.#host = "paused";
    else if (event.event === "RESUME") this.#host = "running";
    this.fronts.broadcast(event);
  }

  #resetSeen(byGuest: boolean): void {
    if (byGuest) {
      // Console bytes sent before the reset may be read only after this event, in the same round of the loop.
      setImmediate(() => {
        if (this.#spoke && this.#machine) this.#bootId = bootId(this.#edge("guest-reset", "guest"));
        this.#spoke = false;
      });
      return;
    }
    if (!this.#waking) this.#bootId = bootId(this.#edge("reset", "api"));
    setImmediate(() => (this.#spoke = false));
    this.#onReset?.();
  }

  #edge(edge: EdgeName, cause: EdgeCause): Edge {
    return this.edges.add(this.slot, edge, cause);
  }

  #inTurn(lane: Lane, run: () => Promise<void>): Promise<void> {
    return lane.run(async () => {
      await this.knobs.delay();
      await run();
    });
  }

  /** A plausible machine: 1 W halted, 3 W idle, 7 W when its processor is busy. */
  #drawWatts(): number {
    if (!this.#machine) return 0;
    if (this.#host === "halted") return 1;
    const spanMs = performance.now() - this.#load.atMs;
    if (spanMs >= LOAD_SPAN_MS) {
      const used = cpuSeconds(this.#machine.pid);
      const busy = Math.min(1, ((used - this.#load.cpuSeconds) * 1000) / spanMs);
      this.#load = { cpuSeconds: used, atMs: performance.now(), busy };
    }
    return Math.round((3 + 4 * this.#load.busy) * 10) / 10;
  }
}

function bootId(edge: Edge): string {
  return `boot-${edge.seq}`;
}

import {
  bootLoaderText,
  firmwareText,
  haltText,
  initText,
  kernelLine,
  kernelText,
  loginText,
  panicText,
  restartText,
  shutdownText,
  SYSRQ_HELP,
  taskText,
  type Speaker,
} from "./boot-text.js";
import { PacedOutput } from "./paced-output.js";
import type { SimClock } from "./sim-clock.js";
import { SimulatedShell } from "./simulated-shell.js";
import type { UartLine } from "./uart-line.js";

/** Shares of the boot's time after which the next one speaks. */
const BOOT_LOADER_AT = 0.25;
const KERNEL_AT = 0.45;
const INIT_AT = 0.8;
/** A key counts as SysRq for so long after a break (Linux, SYSRQ_TIMEOUT). */
const SYSRQ_MS = 5000;

/** What the kernel may do to its machine. */
export interface SimulatedHost {
  powerOff(): void;
  shutDown(): void;
  restart(): void;
  panic(why: string): void;
}

type Stage = "silent" | "starting" | "kernel" | "login" | "stopping" | "panicked";

/** What a simulated machine says and hears on its console. It is told what happens to the machine, and answers what is typed. */
export class SimulatedConsole {
  #stage: Stage = "silent";
  #kernelAtMs = 0;
  #cancel: () => void = () => {};
  #shell: SimulatedShell | undefined;
  #sysRqUntilMs = 0;
  readonly #speaker: Speaker;
  readonly #output: PacedOutput;

  /** @param bytesPerSecond 0: as fast as it can */
  constructor(
    slot: number,
    private readonly clock: SimClock,
    line: UartLine,
    private readonly host: SimulatedHost,
    bytesPerSecond: number,
  ) {
    this.#speaker = { slot, hostname: `n${slot}`, uptime: () => this.#uptime() };
    this.#output = new PacedOutput(clock, bytesPerSecond, (bytes) => line.output(bytes));
    line.connect({ input: (bytes) => this.#input(bytes) });
  }

  /** The machine starts anew, and will have booted after so long. */
  started(bootMs: number): void {
    this.cut();
    this.#stage = "starting";
    this.#say(firmwareText(this.#speaker));
    this.#after(bootMs * BOOT_LOADER_AT, () => {
      this.#say(bootLoaderText());
      this.#after(bootMs * (KERNEL_AT - BOOT_LOADER_AT), () => {
        this.#stage = "kernel";
        this.#kernelAtMs = this.clock.monotonicMs();
        this.#say(kernelText(this.#speaker));
        this.#after(bootMs * (INIT_AT - KERNEL_AT), () => this.#say(initText(this.#speaker)));
      });
    });
  }

  booted(): void {
    this.#stage = "login";
    this.#shell = this.#newShell();
    this.#say(loginText(this.#speaker));
  }

  shuttingDown(why: string): void {
    this.#quiet("stopping");
    this.#say(shutdownText(this.#speaker, why));
  }

  /** @param orderly whether the guest did it itself */
  halted(orderly: boolean): void {
    if (!orderly) return this.cut();
    this.#quiet("silent");
    this.#say(haltText(this.#speaker));
  }

  restarting(): void {
    if (this.#stage !== "silent" && this.#stage !== "starting")
      this.#say(restartText(this.#speaker));
  }

  panicked(why: string): void {
    this.#quiet("panicked");
    this.#say(panicText(this.#speaker, why));
  }

  /** Silent at once, in the middle of a line. */
  cut(): void {
    this.#quiet("silent");
    this.#output.clear();
  }

  broke(): void {
    if (this.#stage === "silent" || this.#stage === "starting") return;
    this.#sysRqUntilMs = this.clock.monotonicMs() + SYSRQ_MS;
  }

  #quiet(stage: Stage): void {
    this.#cancel();
    this.#cancel = () => {};
    this.#stage = stage;
    this.#shell = undefined;
    this.#sysRqUntilMs = 0;
  }

  #input(bytes: Buffer): boolean {
    let rest = bytes;
    if (rest.length > 0 && this.clock.monotonicMs() < this.#sysRqUntilMs) {
      this.#sysRqUntilMs = 0;
      this.#sysRq(String.fromCharCode(rest[0] ?? 0));
      rest = rest.subarray(1);
    }
    this.#shell?.input(rest);
    return true;
  }

  #sysRq(key: string): void {
    const kernel = (text: string): void => this.#say(kernelLine(this.#speaker, text));
    switch (key) {
      case "s":
        kernel("sysrq: Emergency Sync");
        return kernel("Emergency Sync complete");
      case "u":
        kernel("sysrq: Emergency Remount R/O");
        return kernel("Emergency Remount complete");
      case "o":
        kernel("sysrq: Power Off");
        return this.host.powerOff();
      case "b":
        kernel("sysrq: Resetting");
        return this.host.restart();
      case "c":
        kernel("sysrq: Trigger a crash");
        return this.host.panic("sysrq triggered crash");
      case "t":
        kernel("sysrq: Show State");
        return this.#say(taskText(this.#speaker));
      default:
        return kernel(SYSRQ_HELP);
    }
  }

  #newShell(): SimulatedShell {
    return new SimulatedShell({
      hostname: this.#speaker.hostname,
      uptime: () => this.#uptime(),
      kernelLog: () => kernelText({ ...this.#speaker, uptime: () => 0 }),
      print: (text) => this.#say(text),
      pour: (pieces, done) => this.#output.pour(pieces, done),
      panic: (why) => this.host.panic(why),
      restart: () => {
        this.shuttingDown("The system will reboot now!");
        this.restarting();
        this.host.restart();
      },
      powerOff: () => this.host.shutDown(),
    });
  }

  #uptime(): number {
    return Math.max(0, this.clock.monotonicMs() - this.#kernelAtMs) / 1000;
  }

  #after(ms: number, run: () => void): void {
    this.#cancel = this.clock.after(ms, run);
  }

  #say(text: string | Buffer): void {
    this.#output.write(typeof text === "string" ? Buffer.from(text) : text);
  }
}

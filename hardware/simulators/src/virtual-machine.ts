import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import { findProgram } from "./find-program.js";
import { CONSOLE_FD, emulator, MONITOR_FD, qemuArguments, type Machine } from "./qemu-command.js";
import { QmpMonitor, type QmpEvent, type QmpGreeting } from "./qmp-monitor.js";
import { SlotError } from "./slot-api.js";

const START_MS = 60_000;

export interface MachineWatcher {
  event(event: QmpEvent): void;
  /** The process is gone; whether it was told to is the watcher's knowledge. */
  exited(): void;
}

/**
 * One QEMU process. It talks over socket pairs it inherits, so that nobody else can take its ends, and it is
 * killed by the kernel when this process dies (`setpriv --pdeathsig`, util-linux; without it the next chassis
 * of the directory finds and kills it).
 */
export class VirtualMachine {
  readonly pid: number;
  readonly monitor: QmpMonitor;
  readonly console: Duplex;
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly #exited: Promise<void>;

  /** Resolves once the process is there; whether the machine comes up is told by {@link open}. @throws SlotError `failed` */
  static async start(machine: Machine, watcher: MachineWatcher): Promise<VirtualMachine> {
    const { program, debianPackage } = emulator(machine.flavour);
    const path = findProgram(program);
    if (path === undefined) {
      throw new SlotError(
        "failed",
        `${program} is not installed. On Debian: apt-get install ${debianPackage}.`,
      );
    }
    const setpriv = findProgram("setpriv");
    const command = [path, ...qemuArguments(machine)];
    if (setpriv !== undefined) command.unshift(setpriv, "--pdeathsig", "KILL");
    const [first = path, ...args] = command;
    const logFile = `${machine.dir}/slot-${machine.slot}.qemu.log`;
    const log = openSync(logFile, "a");
    const child = spawn(first, args, {
      stdio: ["ignore", log, log, "pipe", "pipe"],
      cwd: machine.dir,
    });
    closeSync(log);
    await new Promise((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (cause) =>
        reject(new SlotError("failed", `Cannot start ${first}.`, { cause })),
      );
    });
    return new VirtualMachine(child, logFile, watcher);
  }

  private constructor(child: ChildProcess, logFile: string, watcher: MachineWatcher) {
    this.#child = child;
    this.#logFile = logFile;
    this.pid = child.pid as number;
    this.#exited = new Promise((resolve) => {
      child.once("exit", () => {
        watcher.exited();
        resolve();
      });
    });
    this.monitor = new QmpMonitor(child.stdio[MONITOR_FD] as Duplex, (event) =>
      watcher.event(event),
    );
    this.console = child.stdio[CONSOLE_FD] as Duplex;
  }

  /** Resolves when the machine runs and takes commands. @throws SlotError `failed` with the emulator's last words */
  async open(): Promise<QmpGreeting> {
    const late = setTimeout(() => this.kill(), START_MS);
    try {
      return await this.monitor.open();
    } catch (cause) {
      await this.#exited;
      const words = readFileSync(this.#logFile, "utf8").trim().slice(-1000);
      throw new SlotError(
        "failed",
        `The virtual machine did not start: ${words || "it said nothing"}`,
        { cause },
      );
    } finally {
      clearTimeout(late);
    }
  }

  /** Takes the supply away: no warning, memory lost. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** As {@link kill}; resolves when the process is gone. */
  async end(): Promise<void> {
    this.kill();
    await this.#exited;
  }
}

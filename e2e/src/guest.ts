import { join } from "node:path";
import { ConsoleProbe } from "@outrider/simulators/console-probe";
import { QmpProbe } from "@outrider/simulators/qmp-probe";
import { within } from "@outrider/testing/eventually";
import { onTestFinished } from "vitest";
import type { Deployment } from "./deployment.js";
import type { NodeUnderTest } from "./node-under-test.js";

/** A guest boots in seconds of processor time, which on a busy machine are many more of the wall's. */
const soon = (): AbortSignal => within(60_000);

/** The machine behind a node, seen past everything of ours: its serial line, QEMU's own word, its disk. */
export class Guest {
  private constructor(
    readonly node: NodeUnderTest,
    private readonly directory: string,
    private readonly line: ConsoleProbe,
  ) {}

  /** Opens the node's serial line, until the end of the test: it has one reader at a time. */
  static async open(lab: Deployment, node: NodeUnderTest): Promise<Guest> {
    const uart = join(lab.chassisDirectory, `slot-${node.slot}.uart`);
    const line = await ConsoleProbe.open(uart, soon());
    onTestFinished(() => line.close());
    return new Guest(node, lab.chassisDirectory, line);
  }

  /** The image of the guest's data disk. */
  get disk(): string {
    return join(this.directory, `slot-${this.node.slot}.disk`);
  }

  /** All that the guest has said. */
  get text(): string {
    return this.line.text;
  }

  type(text: string): void {
    this.line.type(text);
  }

  /** Waits until the guest says what fits, after what was waited for before. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return this.line.expect(pattern, soon());
  }

  /** Waits until a `bios` guest has booted. @returns how many times its disk has been booted from */
  async bootsBios(): Promise<number> {
    return Number((await this.says(/Outrider boot (\d+) at \d\d:\d\d:\d\d\r\n/))[1]);
  }

  /** Waits until a `linux` guest has booted. @returns how many times its disk has been booted from */
  async bootsLinux(): Promise<number> {
    return Number((await this.says(/guest: ready, boot (\d+)/))[1]);
  }

  /** QEMU's run state, asked of QEMU itself. @throws when the supply is off */
  async runState(): Promise<string> {
    const socket = join(this.directory, `slot-${this.node.slot}.qmp`);
    const probe = await QmpProbe.open(socket, soon());
    try {
      return await probe.status();
    } finally {
      probe.close();
    }
  }
}

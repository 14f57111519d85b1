import { join } from "node:path";
import {
  startPacedSender,
  type PacedPortSpec,
  type PacedSender,
} from "@outrider/simulators/paced-sender";
import { tempDir } from "@outrider/testing/temp-dir";
import type { NodeSpec } from "../site.js";

/** Of a line, from 0: the node that has its console. */
export const nodeOf = (line: number): string => `c${line}`;

/** Serial lines, somebody at the far end of each who sends a stream that is known. */
export class Lines implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;

  private constructor(
    readonly sender: PacedSender,
    readonly specs: readonly PacedPortSpec[],
    stack: AsyncDisposableStack,
  ) {
    this.#stack = stack;
  }

  static async start(
    count: number,
    specOf: (line: number) => Partial<PacedPortSpec>,
  ): Promise<Lines> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await tempDir("lines-"));
    const specs = Array.from({ length: count }, (_, line) => ({
      link: join(folder.path, String(line)),
      bytesPerSecond: 0,
      seed: line,
      ...specOf(line),
    }));
    const sender = stack.use(await startPacedSender(specs));
    return new Lines(sender, specs, stack.move());
  }

  get count(): number {
    return this.specs.length;
  }

  get paths(): string[] {
    return this.specs.map(({ link }) => link);
  }

  /** The nodes whose consoles these lines are. @param terminalOf what the site says of a line beside */
  nodes(
    terminalOf?: (line: number) => Readonly<Record<string, unknown>>,
  ): Record<string, NodeSpec> {
    return Object.fromEntries(
      this.specs.map(({ link }, line) => [
        nodeOf(line),
        { serial: link, console: terminalOf?.(line) ?? true },
      ]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

import type { LinkedConsole } from "@outrider/console-link/linked-console";
import { LinkServer } from "@outrider/console-link/link-server";
import { microClock } from "@outrider/console-link/micro-clock";
import { Recorder } from "@outrider/console-link/testing/recorder";
import type { StreamItem } from "@outrider/console-link/console-stream";
import { systemClock } from "@outrider/contracts/clock";
import { eventually } from "@outrider/testing/eventually";

/** The console service as far as an agent knows it: it stores what comes, and can be away. */
export class LinkService implements AsyncDisposable {
  readonly recorder = new Recorder();
  #server: LinkServer | undefined;
  /** The same each time, once it has listened. */
  port = 0;

  /** @param secret which agents must show */
  constructor(readonly secret: string) {}

  async start(): Promise<void> {
    this.#server = new LinkServer({
      verify: async (_, secret) =>
        secret === this.secret ? { stillStands: () => true } : undefined,
      onConsole: this.recorder.take,
      clock: systemClock,
      nowMicros: microClock(systemClock),
    });
    this.port = await this.#server.listen("127.0.0.1", this.port);
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  console(node: string): Promise<LinkedConsole> {
    return eventually(`the console of ${node} is linked`, () => this.recorder.consoles.get(node));
  }

  /** Waits until a console is linked and up. */
  async up(node: string): Promise<LinkedConsole> {
    await eventually(
      `the console of ${node} is up`,
      () => this.recorder.consoles.get(node)?.condition.up,
    );
    return this.console(node);
  }

  /** All that has come from a console, whose spool has been one through all of it. */
  items(node: string, stream: string): readonly StreamItem[] {
    return this.recorder.items(node, stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

import { eventually } from "@outrider/testing/eventually";
import { WebSocket } from "ws";
import type { Rest } from "../fleet/rest.js";

/** Far above what anything here takes, because the machine may be busy. */
const LIMIT_MS = 90_000;

type Told = Readonly<Record<string, unknown>>;

/** Somebody at a console by the gateway's WebSocket. */
export class WebClient implements Disposable {
  readonly told: Told[] = [];
  readonly closed: Promise<number>;
  #chunks: Buffer[] = [];
  #length = 0;
  #asked = 0;

  private constructor(readonly socket: WebSocket) {
    socket.on("message", (data: Buffer, isBinary) => {
      if (!isBinary) this.told.push(JSON.parse(data.toString()) as Told);
      else {
        this.#chunks.push(data);
        this.#length += data.length;
      }
    });
    socket.on("error", () => socket.terminate());
    this.closed = new Promise((resolve) => socket.once("close", resolve));
  }

  /** Resolves once the service has said that they are attached. @param query how, as a query of a URL */
  static async open(rest: Rest, node: string, query = "replay=none"): Promise<WebClient> {
    const url = `${rest.url.replace(/^http/, "ws")}/api/v1/nodes/${node}/console/attach?${query}`;
    const headers = { authorization: `Bearer ${rest.token}` };
    const client = new WebClient(new WebSocket(url, ["outrider.v1"], { headers }));
    try {
      // At a terminal with an escape nothing is told but by its text.
      if (query.includes("escape=")) await client.sees("^Ec? helps");
      else await client.hears("attached");
      return client;
    } catch (error) {
      client.socket.terminate();
      throw error;
    }
  }

  /** All bytes so far. */
  get bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  get length(): number {
    return this.#length;
  }

  type(bytes: Buffer | string): void {
    this.socket.send(Buffer.from(bytes), { binary: true });
  }

  /** Waits until the bytes hold a text. @param from where it is looked for @returns where it ends */
  async sees(text: string, from = 0): Promise<number> {
    const at = await eventually(
      `the console says ${JSON.stringify(text)}`,
      () => {
        const found = this.bytes.indexOf(text, from);
        if (found < 0) throw new Error(JSON.stringify(this.bytes.subarray(-500).toString()));
        return found + text.length;
      },
      { withinMs: LIMIT_MS },
    );
    return at;
  }

  /** Types a line and waits for what it brings; the answer must not be in the line itself. */
  async enters(line: string, answer: string): Promise<void> {
    const from = this.length;
    this.type(`${line}\r`);
    await this.sees(answer, from);
  }

  /** Asks for something and waits until it is done. @throws Error when it is refused */
  async asks(ask: object): Promise<void> {
    const ref = ++this.#asked;
    this.socket.send(JSON.stringify({ ...ask, ref }));
    const answer = await eventually(
      `${JSON.stringify(ask)} is answered`,
      () => this.told.find((one) => one["ref"] === ref),
      { withinMs: LIMIT_MS },
    );
    if (answer["told"] !== "done") throw new Error(JSON.stringify(answer));
  }

  /** The first message of this kind, there already or yet to come. */
  hears(kind: string): Promise<Told> {
    return eventually(`${kind} is told`, () => this.told.find(({ told }) => told === kind), {
      withinMs: LIMIT_MS,
    });
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}

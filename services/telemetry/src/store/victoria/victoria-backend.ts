import type { Backend, Delivered, Delivery } from "../backend.js";
import { linesOf, request, unavailable, type HttpTarget } from "../http.js";
import { LineWriter } from "../influx/line-writer.js";
import { withoutTexts } from "../line-protocol.js";
import type { RangeQuery, Series, StoreTraits, TextPoint } from "../store.js";
import { VictoriaRange } from "./victoria-range.js";

const WITHIN_MS = 60_000;

/**
 * VictoriaMetrics: a field of a measurement is a metric `<measurement>_<field>`. It keeps numbers only, all for as long
 * as its `-retentionPeriod` says, and keeps both of two points with the same time.
 */
export class VictoriaBackend implements Backend {
  readonly traits: StoreTraits = {
    kind: "victoria",
    keepsTexts: false,
    lastWriteWins: false,
    rollsUp: false,
  };
  readonly notice = undefined;
  /** It holds what it took in memory for some five seconds. */
  readonly settleMs = 15_000;
  readonly #writer: LineWriter;

  constructor(
    private readonly target: HttpTarget,
    private readonly nowMs: () => number,
  ) {
    this.#writer = new LineWriter(target, "/write?precision=ms");
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<Delivered> {
    if (!delivery.records.some(({ hasTexts }) => hasTexts)) {
      return this.#writer.write(delivery, signal);
    }
    // It would make a metric with the value 0 of a text.
    const lines = withoutTexts(linesOf(delivery));
    if (lines === "") return { refused: 0 };
    return this.#writer.writeLines(lines, delivery.points, signal);
  }

  async incarnation(signal: AbortSignal): Promise<string> {
    const answer = await request(this.target, "/metrics", { withinMs: WITHIN_MS, signal });
    return /^vm_app_start_timestamp (\d+)/m.exec(answer.text)?.[1] ?? "";
  }

  async range(query: RangeQuery, signal: AbortSignal): Promise<readonly Series[]> {
    signal.throwIfAborted();
    const ask = (path: string, body: URLSearchParams): Promise<string> =>
      this.#ask(path, body, signal);
    return new VictoriaRange(ask, query, this.nowMs()).read();
  }

  /** It keeps none. */
  async texts(): Promise<readonly TextPoint[]> {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #ask(path: string, body: URLSearchParams, signal: AbortSignal): Promise<string> {
    const answer = await request(this.target, path, { body, withinMs: WITHIN_MS, signal }).catch(
      (error: Error) => {
        signal.throwIfAborted();
        throw unavailable(error.message, error);
      },
    );
    if (answer.status === 200) return answer.text;
    const said = answer.text.slice(0, 500);
    throw unavailable(`VictoriaMetrics at ${this.target.base} says ${answer.status}: ${said}`);
  }
}

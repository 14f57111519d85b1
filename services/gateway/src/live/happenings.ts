import { randomBytes } from "node:crypto";
import { timestamp, type Clock } from "@outrider/contracts/clock";

/** Something that happened, as it is told to people who look on. */
export interface Happening {
  /** `result`, `event`, `transition`, `lock`, `site`, `proposal`, `agent`, `service` … */
  readonly kind: string;
  readonly node?: string;
  /** The service that told it. */
  readonly service?: string;
  readonly agent?: string;
  readonly data: object;
}

/** A happening with its place in the order of this start of the gateway. */
export interface Numbered extends Happening {
  /** `<start>.<number>`: what a client that comes back names as the last one that it has seen. */
  readonly id: string;
  readonly seq: number;
  readonly at: string;
}

/** The last happenings, numbered, for those who look on and those who come back. */
export class Happenings {
  /** New at every start of the gateway. */
  readonly start = randomBytes(6).toString("base64url").replaceAll(/[-_]/g, "x");
  readonly #ring: Numbered[] = [];
  readonly #listeners = new Set<(happening: Numbered) => void>();
  #seq = 0;
  #oldest = 0;

  constructor(
    private readonly clock: Clock,
    private readonly capacity = 5000,
  ) {}

  get lastId(): string {
    return `${this.start}.${this.#seq}`;
  }

  add(happening: Happening): void {
    const seq = ++this.#seq;
    const numbered: Numbered = {
      ...happening,
      seq,
      id: `${this.start}.${seq}`,
      at: timestamp(this.clock),
    };
    if (this.#ring.length < this.capacity) this.#ring.push(numbered);
    else {
      this.#ring[this.#oldest] = numbered;
      this.#oldest = (this.#oldest + 1) % this.capacity;
    }
    for (const listener of this.#listeners) listener(numbered);
  }

  onAdded(listener: (happening: Numbered) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Oldest first. */
  all(): Numbered[] {
    return [...this.#ring.slice(this.#oldest), ...this.#ring.slice(0, this.#oldest)];
  }

  /**
   * What came after an id, oldest first. Undefined when it is of another start, or so old that something in between
   * was dropped.
   */
  since(id: string): Numbered[] | undefined {
    const [start, number] = id.split(".");
    const seq = Number(number);
    if (start !== this.start || !Number.isSafeInteger(seq) || seq > this.#seq) return undefined;
    const all = this.all();
    const first = all[0]?.seq ?? this.#seq + 1;
    return seq + 1 < first ? undefined : all.filter((one) => one.seq > seq);
  }
}

import { check } from "@outrider/contracts/codec";
import { HomeAssistantComponent, HomeAssistantConfig } from "@outrider/contracts/home-assistant";
import { formOf, keyOf, type Document, type Form } from "./forms.js";

/** What stands on the discovery topics that are ours: said by this process, or left by one before it. */
export class Standing {
  readonly #byObject = new Map<string, Map<string, { document: Document; isSaid: boolean }>>();

  /** Said by this process: it is repeated on each connection. */
  said(document: Document): void {
    this.#of(document).set(keyOf(document), { document, isSaid: true });
  }

  /** Heard. @returns whether it is news: left by somebody else */
  heard(document: Document): boolean {
    const known = this.#of(document).get(keyOf(document));
    if (known?.isSaid) return false;
    this.#of(document).set(keyOf(document), { document, isSaid: false });
    return true;
  }

  cleared(document: Pick<Document, "levels">): void {
    const object = document.levels[1];
    const of = this.#byObject.get(object);
    of?.delete(keyOf(document));
    if (of?.size === 0) this.#byObject.delete(object);
  }

  /** Heard that somebody else has cleared it. */
  heardCleared(document: Pick<Document, "levels">): void {
    if (!this.#byObject.get(document.levels[1])?.get(keyOf(document))?.isSaid)
      this.cleared(document);
  }

  /** The connection is gone: what was only heard may have changed by the next one. */
  forgetHeard(): void {
    for (const one of this.all(false)) this.cleared(one);
  }

  of(object: string, form: Form): Document[] {
    return Array.from(
      this.#byObject.get(object)?.values() ?? [],
      ({ document }) => document,
    ).filter((one) => formOf(one) === form);
  }

  objects(): string[] {
    return [...this.#byObject.keys()];
  }

  /** All that this process has said, or all that it has only heard. */
  all(isSaid: boolean): Document[] {
    return Array.from(this.#byObject.values(), (of) => [...of.values()])
      .flat()
      .filter((one) => one.isSaid === isSaid)
      .map(({ document }) => document);
  }

  /** What this process has said on a topic. */
  saidOn(document: Pick<Document, "levels">): Document | undefined {
    const known = this.#byObject.get(document.levels[1])?.get(keyOf(document));
    return known?.isSaid ? known.document : undefined;
  }

  #of({ levels }: Document): Map<string, { document: Document; isSaid: boolean }> {
    const object = levels[1];
    let of = this.#byObject.get(object);
    if (!of) this.#byObject.set(object, (of = new Map()));
    return of;
  }
}

/** What was left by another version may have what this one cannot say: that is not kept. */
export function readable(config: object): HomeAssistantConfig {
  const { components } = config as { components?: unknown };
  if (typeof components !== "object" || components === null) return {};
  const kept = Object.entries(components).filter(
    (entry): entry is [string, HomeAssistantComponent] =>
      check(HomeAssistantComponent, entry[1], true).ok,
  );
  return { components: Object.fromEntries(kept) };
}

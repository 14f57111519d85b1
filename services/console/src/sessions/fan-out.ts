import type { NodeId } from "@outrider/contracts/ids";
import type { LogGap, LogItem } from "../log/log-format.js";
import type { ConsoleScreens } from "./console-parts.js";
import { DisplaySafe } from "./display-safe.js";
import type { Place } from "./place.js";
import { bytesOf, gapTold } from "./replay.js";

const NOTHING = Buffer.alloc(0);

/** Hands what a console says to everybody who is there: made safe once for all, however many they are. */
export class FanOut {
  #safe = new DisplaySafe();
  /** Bytes were left out of `#safe`, so that it begins anew. */
  #stale = false;

  constructor(
    private readonly node: NodeId,
    private readonly screens: ConsoleScreens,
  ) {}

  /** @param writer who types, if somebody does */
  deliver(items: readonly LogItem[], places: readonly Place[], writer: Place | undefined): void {
    let run: LogItem[] = [];
    for (const item of items) {
      if (item.kind === "bytes") {
        run.push(item);
        continue;
      }
      this.#bytes(run, places, writer);
      run = [];
      if (item.kind === "gap") this.#gap(item, places);
    }
    this.#bytes(run, places, writer);
  }

  #bytes(run: readonly LogItem[], places: readonly Place[], writer: Place | undefined): void {
    if (run.length === 0) return;
    const { node, screens } = this;
    const wanted = screens.wants(node) || places.some(({ options }) => !options.raw);
    if (!wanted) {
      this.#stale = true;
      screens.feed(node, NOTHING);
      if (places.length === 0) return;
    }
    const exact = bytesOf(run);
    for (const place of places) {
      if (place.live && place.options.raw) place.delivery.bytes(exact);
    }
    if (!wanted) return;
    if (this.#stale) {
      this.#safe = new DisplaySafe();
      this.#stale = false;
    }
    const safe = this.#safe.push(exact);
    for (const place of places) {
      if (!place.live || place.options.raw) continue;
      place.delivery.bytes(place === writer ? safe.writer : safe.viewers);
    }
    screens.feed(node, safe.viewers);
  }

  #gap(gap: LogGap, places: readonly Place[]): void {
    // What comes after missing bytes does not belong to a sequence before them.
    this.#safe = new DisplaySafe();
    const told = gapTold(gap);
    for (const place of places) if (place.live) place.delivery.between(told);
  }
}

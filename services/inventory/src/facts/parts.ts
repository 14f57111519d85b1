import type { NodeId } from "@outrider/contracts/ids";
import type { HistoryEntry, Part, ReportFacts } from "@outrider/contracts/inventory";
import { canonical } from "../canonical.js";

/** A part that is known of a node from one source. */
export interface StoredPart {
  readonly key: string;
  readonly part: Part;
  readonly firstSeenAt: string;
}

export interface PartsChange {
  /** Every part that the source has reported, with when it was first seen. */
  readonly kept: readonly StoredPart[];
  /** Keys that the source reports no more. */
  readonly gone: readonly string[];
  readonly entries: readonly Omit<HistoryEntry, "at">[];
}

/** What follows a part when it moves, or where it sits when nothing does. */
export function partKey({ kind, serial, slot }: Part, index: number): string {
  if (serial !== undefined) return `${kind}:${serial.toLowerCase()}`;
  return slot === undefined ? `${kind}#${index}` : `${kind}@${slot}`;
}

/** The parts of a report. The serial number of the board is a part also when only it was named. */
export function reportedParts({ serial, parts }: ReportFacts): Part[] {
  const hasBoard = parts.some((part) => part.kind === "board");
  return serial === undefined || hasBoard ? [...parts] : [{ kind: "board", serial }, ...parts];
}

/**
 * What a report changes of what the same source said before. Pure.
 * @param elsewhere the other node that a part is known of, if one is
 */
export function partsChange(
  node: NodeId,
  known: readonly StoredPart[],
  parts: readonly Part[],
  elsewhere: ReadonlyMap<string, NodeId>,
  at: string,
): PartsChange {
  const before = new Map(known.map((one) => [one.key, one]));
  const kept = new Map<string, StoredPart>();
  const entries: Omit<HistoryEntry, "at">[] = [];
  for (const [index, part] of parts.entries()) {
    const key = partKey(part, index);
    const was = before.get(key);
    const from = elsewhere.get(key);
    if (!was) {
      entries.push(
        from === undefined
          ? { what: "appeared", node, ...named(part), detail: `${words(part)} appeared` }
          : {
              what: "moved",
              node,
              from,
              ...named(part),
              detail: `${words(part)} moved from ${from} to ${node}`,
            },
      );
    } else if (canonical(was.part) !== canonical(part)) {
      entries.push({
        what: "changed",
        node,
        ...named(part),
        detail: `${words(was.part)} is now ${words(part)}`,
      });
    }
    kept.set(key, { key, part, firstSeenAt: was?.firstSeenAt ?? at });
  }
  const gone = known.filter(({ key }) => !kept.has(key));
  for (const { part } of gone) {
    entries.push({
      what: "gone",
      node,
      ...named(part),
      detail: `${words(part)} is not there any more`,
    });
  }
  return { kept: [...kept.values()], gone: gone.map(({ key }) => key), entries };
}

function named({ kind, serial }: Part): { kind: string; part?: string } {
  return { kind, ...(serial === undefined ? {} : { part: serial }) };
}

/** A part as people call it. */
export function words({ kind, serial, slot, maker, model }: Part): string {
  return [kind, slot, maker, model, serial]
    .filter((word) => word !== undefined)
    .join(" ")
    .slice(0, 200);
}

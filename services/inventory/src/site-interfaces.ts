import type { InterfaceKind } from "@outrider/contracts/ids";
import { SITE_INTERFACES, type SiteInterfaceKind } from "@outrider/contracts/site-file";

/** An interface as it stands in a file, of whatever shape. */
export interface GivenInterface {
  readonly kind: SiteInterfaceKind;
  /** Of a sensor or heartbeat. */
  readonly name: string | undefined;
  /** Where it stands in its node. */
  readonly path: readonly string[];
  readonly given: unknown;
}

/** Kinds of which a node may have several, each with a name. */
const NAMED: readonly InterfaceKind[] = ["sensor", "heartbeat"];

/** The interfaces that a node of a file declares, in the order of their kinds. */
export function interfacesIn(node: unknown): GivenInterface[] {
  return SITE_INTERFACES.flatMap((kind): GivenInterface[] => {
    const given = entryOf(node, kind);
    if (given === undefined) return [];
    if (NAMED.includes(kind)) {
      if (!isMap(given)) return [];
      return Object.entries(given).map(([name, one]) => ({
        kind,
        name,
        path: [kind, name],
        given: one,
      }));
    }
    if (kind !== "boot") return [{ kind, name: undefined, path: [kind], given }];
    // What its firmware is needs no driver.
    const override = entryOf(given, "override");
    if (override === undefined) return [];
    return [{ kind, name: undefined, path: [kind, "override"], given: override }];
  });
}

/** The entry of a map; undefined when there is none, or no map. */
export function entryOf(map: unknown, key: string): unknown {
  return isMap(map) && Object.hasOwn(map, key) ? map[key] : undefined;
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

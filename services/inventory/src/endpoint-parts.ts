import type { DescribedDriver } from "@outrider/contracts/agent";
import type { PortKind } from "@outrider/contracts/ids";
import type { SitePath } from "./site-problem.js";
import type { DeclaredEndpoint } from "./site.js";

/** A driver with its options, as an endpoint or a part of one declares it. */
export interface Part {
  /** Undefined where the agent has no such driver. */
  readonly described: DescribedDriver | undefined;
  readonly port: PortKind;
  readonly driver: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly path: SitePath;
}

/** The endpoint itself, and of what it needs what its driver knows. */
export function partsOf(declared: DeclaredEndpoint, drivers: readonly DescribedDriver[]): Part[] {
  const find = (port: PortKind, driver: string): DescribedDriver | undefined =>
    drivers.find((one) => one.port === port && one.driver === driver);
  const { kind, driver, options, needs, path } = declared;
  const described = find(kind, driver);
  const parts = Object.entries(needs).flatMap(([name, need]): Part[] => {
    const port = described?.needs?.[name]?.port;
    if (port === undefined) return [];
    return [{ ...need, port, described: find(port, need.driver), path: [...path, "needs", name] }];
  });
  return [{ described, port: kind, driver, options, path }, ...parts];
}

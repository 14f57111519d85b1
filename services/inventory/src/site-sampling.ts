import { milliseconds, seconds, type Duration } from "@outrider/contracts/clock";
import type { Quantity } from "@outrider/contracts/reading";
import type { SiteInterface, SiteInterfaceKind } from "@outrider/contracts/site-file";
import { readDuration } from "./site-durations.js";
import { quoted, type Report, type SitePath } from "./site-problem.js";

/** How often an endpoint is read, and what of it is told. */
export interface DeclaredSampling {
  readonly sampling: Duration;
  /** Undefined: as often as it must be. */
  readonly reporting: Duration | undefined;
  readonly deadband: Readonly<Partial<Record<Quantity, number>>> | undefined;
  readonly burst: { readonly sampling: Duration; readonly duration: Duration } | undefined;
}

/** What is measured changes slowly, and most buses are slow. */
const SLOW: readonly SiteInterfaceKind[] = ["sensor", "heartbeat"];
const SLOW_SAMPLING = seconds(10);
const BURST_SAMPLING = milliseconds(100);

/** Which interfaces a key is for. */
const KINDS = {
  reporting: SLOW,
  deadband: ["sensor"],
  burst: ["sensor"],
} as const satisfies Partial<Record<keyof SiteInterface, readonly SiteInterfaceKind[]>>;

/**
 * How an interface of a file is read and told.
 * @param nodes the node's own sampling; undefined: the node says none
 * @param usual what counts where neither says any, but for what is slow
 */
export function readSampling(
  kind: SiteInterfaceKind,
  declared: SiteInterface,
  nodes: Duration | undefined,
  usual: Duration,
  path: SitePath,
  report: Report,
): DeclaredSampling {
  const inherited = nodes ?? (SLOW.includes(kind) ? SLOW_SAMPLING : usual);
  const sampling =
    declared.sampling === undefined
      ? inherited
      : readDuration("sampling", declared.sampling, path, report);
  for (const [key, kinds] of Object.entries(KINDS) as [keyof typeof KINDS, readonly string[]][]) {
    if (declared[key] === undefined || kinds.includes(kind)) continue;
    report([...path, key], `a ${kind} interface has none; expected it at a ${kinds.join(" or ")}`);
  }
  return {
    sampling,
    reporting: readReporting(declared, sampling, path, report),
    deadband: declared.deadband,
    burst: readBurst(declared, sampling, path, report),
  };
}

function readReporting(
  { reporting }: SiteInterface,
  sampling: Duration,
  path: SitePath,
  report: Report,
): Duration | undefined {
  if (reporting === undefined) return undefined;
  const span = readDuration("reporting", reporting, path, report);
  if (span >= sampling) return span;
  report(
    [...path, "reporting"],
    `${quoted(reporting)} is oftener than it is read; expected its sampling or more, ${sampling} ms`,
  );
  return undefined;
}

function readBurst(
  { burst }: SiteInterface,
  sampling: Duration,
  path: SitePath,
  report: Report,
): DeclaredSampling["burst"] {
  if (burst === undefined) return undefined;
  const at = [...path, "burst"];
  const faster =
    burst.sampling === undefined
      ? BURST_SAMPLING
      : readDuration("sampling", burst.sampling, at, report);
  if (faster >= sampling) {
    report(
      [...at, "sampling"],
      `${faster} ms is no oftener than it is read anyway; expected less than ${sampling} ms`,
    );
  }
  return { sampling: faster, duration: readDuration("duration", burst.duration, at, report) };
}

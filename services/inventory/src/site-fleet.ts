import { RolePolicy, type DrainHook } from "@outrider/contracts/fleet";
import type { NodeId } from "@outrider/contracts/ids";
import type {
  SiteDisks,
  SiteDraw,
  SiteFile,
  SiteHook,
  SitePowerDomain,
  SiteRole,
} from "@outrider/contracts/site-file";
import { resolveNodes, type KnownNode } from "./node-sets.js";
import { readDuration } from "./site-durations.js";
import type { Report } from "./site-problem.js";
import { quoted } from "./site-problem.js";
import { readBytes } from "./site-sizes.js";
import type {
  DeclaredDisks,
  DeclaredDomain,
  DeclaredDraw,
  DeclaredNode,
  DeclaredRole,
} from "./site.js";

/** What a file declares for many nodes together, with every default filled in. */

/**
 * Reads the power domains, their node sets resolved.
 * @param named every node that the file has
 */
export function readDomains(
  declared: SiteFile["powerDomains"] = {},
  nodes: readonly DeclaredNode[],
  named: ReadonlyMap<NodeId, KnownNode>,
  report: Report,
): ReadonlyMap<string, DeclaredDomain> {
  const byId = new Map(nodes.map((node) => [node.id as string, node]));
  return new Map(
    Object.entries(declared).map(([id, domain]) => [
      id,
      readDomain(id, domain, named, byId, report),
    ]),
  );
}

function readDomain(
  id: string,
  domain: SitePowerDomain,
  named: ReadonlyMap<NodeId, KnownNode>,
  byId: ReadonlyMap<string, DeclaredNode>,
  report: Report,
): DeclaredDomain {
  const path = ["powerDomains", id];
  const resolved = resolveNodes(domain.nodes, named);
  if (!resolved.ok) report([...path, "nodes"], `${quoted(domain.nodes)}: ${resolved.message}`);
  const nodes = resolved.ok ? resolved.nodes : [];
  const agents = new Set(
    nodes.flatMap((node) =>
      (byId.get(node)?.endpoints ?? [])
        .filter(({ kind }) => kind === "power")
        .map(({ agent }) => agent),
    ),
  );
  return {
    nodes,
    startSpacingMs: readDuration("startSpacing", domain.startSpacing, path, report),
    ...(domain.concurrentStarts === undefined ? {} : { concurrentStarts: domain.concurrentStarts }),
    startDurationMs: readDuration("startDuration", domain.startDuration, path, report),
    ...(domain.wattBudget === undefined ? {} : { wattBudget: domain.wattBudget }),
    oneAgent: agents.size <= 1,
  };
}

export function readRoles(
  declared: SiteFile["roles"] = {},
  report: Report,
): ReadonlyMap<string, DeclaredRole> {
  return new Map(Object.entries(declared).map(([id, role]) => [id, readRole(id, role, report)]));
}

function readRole(id: string, { disks = {}, boot, power }: SiteRole, report: Report): DeclaredRole {
  const path = ["roles", id, "power"];
  const policy = new RolePolicy();
  policy.keepRunning = power?.keepRunning ?? 1;
  if (power?.interlock !== undefined) policy.interlock = power.interlock;
  for (const hook of ["drain", "undrain"] as const) {
    const given = power?.[hook];
    if (given) policy[hook] = readHook(given, [...path, hook], report);
  }
  return {
    disks: new Map(Object.entries(disks).map(([name, one]) => [name, readDisks(one)])),
    bootProfile: boot?.profile,
    policy: { ...policy },
  };
}

function readHook(
  { command, webhook, deadline, onFailure = "stop" }: SiteHook,
  path: readonly string[],
  report: Report,
): DrainHook {
  if (command?.length === 0)
    report([...path, "command"], "is empty; expected a program and its arguments");
  if (webhook !== undefined && !URL.canParse(webhook)) {
    report(
      [...path, "webhook"],
      `${quoted(webhook)} is not a URL; expected one such as http://127.0.0.1:9000/drain`,
    );
  }
  return {
    ...(command === undefined ? {} : { command }),
    ...(webhook === undefined ? {} : { webhook }),
    deadlineMs: readDuration("deadline", deadline, path, report),
    onFailure,
  };
}

function readDisks({ count, minimumBytes }: SiteDisks): DeclaredDisks {
  return { count, minimumBytes: readBytes(minimumBytes ?? "0B") };
}

/** Draw of a node in watts. It starts with what it runs with unless the file says more. */
export function readDraw(
  id: string,
  draw: SiteDraw | undefined,
  report: Report,
): DeclaredDraw | undefined {
  if (!draw) return undefined;
  const { running, starting = running } = draw;
  if (starting < running) {
    report(
      ["nodes", id, "draw", "starting"],
      `'${starting}' is less than running; expected at least ${running} watts`,
    );
  }
  return { runningWatts: running, startingWatts: Math.max(starting, running) };
}

import { statfs } from "node:fs/promises";
import type { Command } from "commander";
import { ApiError, type Api } from "../api.js";
import type { Cli } from "../cli.js";
import { EXIT } from "../exit-code.js";
import { findings, type Finding, type Looked } from "../findings.js";
import { nodesOf } from "../node-list.js";
import { isUnavailable, type NodeView } from "../node-rows.js";
import { outputOption } from "../options.js";
import { showList, type Columns, type Format } from "../output.js";
import { VERSION } from "../version.js";
import { alarmsOf } from "./alarm-commands.js";
import type { AgentRow, ServiceRow } from "./get-commands.js";

const FINDINGS: Columns<Finding> = {
  things: "findings",
  head: ["", "WHAT, AND WHAT TO DO"],
  name: ({ what }) => what,
  row: ({ level, what }) => [level === "ok" ? "ok" : level.toUpperCase(), what],
  under: ({ advice }) => advice,
};

/** Each is asked for by itself. */
const NODES_ASKED = 500;
/** Of those that stand. */
const MOST_ALARMS = 10_000;

interface Interfaces {
  readonly interfaces?: Readonly<Record<string, readonly { readonly agent: string }[]>>;
}

export function addDoctorCommand(program: Command, cli: Cli): void {
  program
    .command("doctor")
    .description(
      "look at everything, and say what is wrong and what to do; 1 when anything is, warnings too",
    )
    .addOption(outputOption())
    .action(({ output }: { output: Format }) =>
      cli.online(async (api) => {
        const said = findings(await look(api, cli));
        showList(said, output, FINDINGS, cli.console);
        return said.some(({ level }) => level !== "ok") ? EXIT.error : EXIT.verified;
      }),
    );
}

async function look(api: Api, { environment }: Cli): Promise<Looked> {
  const { body: health, headers } = await api.ask<{ version: string; services: ServiceRow[] }>(
    "GET",
    "/health",
  );
  const now = Date.now();
  const date = Date.parse(headers.get("date") ?? "");
  // These are asked for one after the other: whoever may not read is told so once.
  const { agents } = await api.get<{ agents: AgentRow[] }>("/agents");
  const nodes = await nodesOf(api, undefined);
  const count = async (path: string, of: string): Promise<number> => {
    const found = await api.get<Record<string, unknown[]>>(path).catch(() => undefined);
    return found?.[of]?.length ?? 0;
  };
  const disk = await diskOf(environment["OUTRIDER_DATA"]);
  return {
    version: VERSION,
    gatewayVersion: health.version,
    clockDifferenceMs: Number.isNaN(date) ? undefined : date - now,
    services: health.services,
    reasons: await reasonsOf(api, health.services),
    ...(await alarmsThatStand(api)),
    now: Number.isNaN(date) ? new Date(now) : new Date(date),
    agents,
    nodes,
    hangOn: await agentsOf(api, nodes.filter(isUnavailable).slice(0, NODES_ASKED)),
    drift: await count("/drift", "drift"),
    proposals: await count("/proposals", "proposals"),
    ...(disk ? { disk } : {}),
  };
}

/** What services that are degraded say is wrong with them, and of telemetry also that nothing is. */
async function reasonsOf(
  api: Api,
  services: readonly ServiceRow[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  for (const { id, status } of services) {
    if (status?.state !== "degraded" && !(id === "telemetry" && status?.state === "ready"))
      continue;
    const told = await orWhyNot(api.get<{ reasons?: readonly string[] }>(`/services/${id}/health`));
    if (typeof told === "object" && told.reasons) found.set(id, told.reasons);
  }
  return found;
}

async function alarmsThatStand(api: Api): Promise<Pick<Looked, "alarms" | "alarmsProblem">> {
  const found = await orWhyNot(alarmsOf(api, { state: "active" }, MOST_ALARMS));
  return typeof found === "string" ? { alarmsProblem: found } : { alarms: found };
}

/** Or why it was not told. */
async function orWhyNot<T extends object>(asked: Promise<T>): Promise<T | string> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.message;
  }
}

/** Which agents the interfaces of these nodes are on. */
async function agentsOf(
  api: Api,
  nodes: readonly NodeView[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  for (const { id } of nodes) {
    const { interfaces = {} } = await api.get<Interfaces>(`/nodes/${encodeURIComponent(id)}`);
    const agents = Object.values(interfaces).flatMap((some) => some.map(({ agent }) => agent));
    found.set(id, [...new Set(agents)]);
  }
  return found;
}

async function diskOf(path: string | undefined): Promise<Looked["disk"]> {
  if (!path) return undefined;
  try {
    const { bavail, blocks, bsize } = await statfs(path);
    return { path, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return undefined;
  }
}

import { statfs } from "node:fs/promises";
import type { Command } from "commander";
import type { Api } from "../api.js";
import type { Cli } from "../cli.js";
import { EXIT } from "../exit-code.js";
import { findings, type Finding, type Looked } from "../findings.js";
import { nodesOf } from "../node-list.js";
import { outputOption } from "../options.js";
import { showList, type Columns, type Format } from "../output.js";
import { VERSION } from "../version.js";
import type { AgentRow, ServiceRow } from "./get-commands.js";

const FINDINGS: Columns<Finding> = {
  head: ["", "WHAT", "WHAT TO DO"],
  name: ({ what }) => what,
  row: ({ level, what, advice }) => [level === "ok" ? "ok" : level.toUpperCase(), what, advice],
};

export function addDoctorCommand(program: Command, cli: Cli): void {
  program
    .command("doctor")
    .description("look at everything, and say what is wrong and what to do; 1 when anything is")
    .addOption(outputOption())
    .action(({ output }: { output: Format }) =>
      cli.online(async (api) => {
        const said = findings(await look(api, cli));
        showList(said, output, FINDINGS, cli.console);
        return said.some(({ level }) => level === "error") ? EXIT.error : EXIT.verified;
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
    agents,
    nodes,
    drift: await count("/drift", "drift"),
    proposals: await count("/proposals", "proposals"),
    ...(disk ? { disk } : {}),
  };
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

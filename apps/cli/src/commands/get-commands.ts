import type {
  Drift,
  HistoryEntry,
  KnownPart,
  Proposal,
  SiteInForce,
} from "@outrider/contracts/inventory";
import type { Lock } from "@outrider/contracts/lock";
import type { ServiceStatus } from "@outrider/contracts/service";
import type { AgentStatus } from "@outrider/contracts/agent";
import type { Transition } from "@outrider/contracts/transition";
import { Option, type Command } from "commander";
import type { Api } from "../api.js";
import type { Cli } from "../cli.js";
import { EXIT } from "../exit-code.js";
import { showNodes, type NodesFormat } from "../node-list.js";
import { CONSOLES, type ConsoleRow } from "../consoles/rows.js";
import { integer, nodesArgument, nodesOutputOption, outputOption } from "../options.js";
import { agoText, showList, showOne, type Columns, type Format } from "../output.js";
import { eventColumns, type EventView } from "../event-rows.js";
import { LOCK_COLUMNS } from "../lock-rows.js";
import { KnownTransitions } from "../transition-events.js";

export interface AgentRow {
  readonly id: string;
  readonly status?: AgentStatus;
  readonly endpoints: number;
  readonly failed: number;
  readonly generation?: number;
}

export interface ServiceRow {
  readonly id: string;
  readonly status?: ServiceStatus;
}

interface ListOptions {
  readonly output: Format;
  readonly limit?: number;
}

/** What the lists understand between them. */
interface ListGiven {
  readonly output: Format;
  readonly limit: number;
  readonly active?: boolean;
  readonly ended?: boolean;
  readonly kinds?: string;
}

const AGENTS: Columns<AgentRow> = {
  things: "agents",
  head: ["AGENT", "STATE", "ENDPOINTS", "FAILED", "GENERATION", "VERSION", "SINCE"],
  name: ({ id }) => id,
  row: ({ id, status, endpoints, failed, generation }) => [
    id,
    status?.state ?? "never seen",
    String(endpoints),
    String(failed),
    String(generation ?? "-"),
    status?.version ?? "-",
    agoText(status?.startedAt, new Date()),
  ],
};
const SERVICES: Columns<ServiceRow> = {
  things: "services",
  head: ["SERVICE", "STATE", "VERSION", "SINCE"],
  name: ({ id }) => id,
  row: ({ id, status }) => [
    id,
    status?.state ?? "never seen",
    status?.version ?? "-",
    agoText(status?.startedAt, new Date()),
  ],
};
const TRANSITIONS: Columns<Transition> = {
  things: "transitions",
  head: ["TRANSITION", "ACTION", "NODES", "STATE", "DONE", "NOT AS ASKED", "ACTOR", "AGE"],
  name: ({ id }) => id,
  row: ({ id, action, nodes, state, total, counts, actor, createdAt }) => [
    id,
    action,
    nodes.length > 40 ? `${nodes.slice(0, 39)}…` : nodes,
    state,
    `${counts.succeeded}/${total}`,
    String(total - counts.succeeded - counts.waiting - counts.running),
    actor,
    agoText(createdAt, new Date()),
  ],
};
const PROPOSALS: Columns<Proposal> = {
  things: "proposals",
  head: ["PROPOSAL", "KIND", "SUBJECT", "SEEN", "DETAIL"],
  name: ({ id }) => id,
  row: ({ id, kind, subject, seenAt, detail }) => [
    id,
    kind,
    subject,
    agoText(seenAt, new Date()),
    detail,
  ],
  under: ({ suggestion }) => suggestion,
};
const DRIFT: Columns<Drift> = {
  things: "differences from what is declared",
  head: ["SUBJECT", "KIND", "DECLARED", "FOUND", "SINCE", "DETAIL"],
  name: ({ subject }) => subject,
  row: ({ subject, kind, declared, found, since, detail }) => [
    subject,
    kind,
    declared,
    found,
    agoText(since, new Date()),
    detail,
  ],
};
const PARTS: Columns<KnownPart> = {
  things: "known parts",
  head: ["KIND", "SLOT", "MAKER", "MODEL", "SERIAL", "SOURCE", "SEEN"],
  name: ({ part }) => part.serial ?? part.kind,
  row: ({ part, source, seenAt }) => [
    part.kind,
    part.slot ?? "-",
    part.maker ?? "-",
    part.model ?? "-",
    part.serial ?? "-",
    source,
    agoText(seenAt, new Date()),
  ],
};
const HISTORY: Columns<HistoryEntry> = {
  things: "entries",
  head: ["AT", "WHAT", "NODE", "FROM", "PART", "DETAIL"],
  name: ({ at }) => at,
  row: ({ at, what, node, from, part, detail }) => [
    at,
    what,
    node ?? "-",
    from ?? "-",
    part ?? "-",
    detail,
  ],
};

export function addGetCommands(program: Command, cli: Cli): void {
  const get = program.command("get").description("list what there is");
  const list = <T extends object>(
    command: Command,
    columns: Columns<T>,
    items: (api: Api, words: string[], options: ListGiven) => Promise<readonly T[]>,
  ): void => {
    command.addOption(outputOption()).action((...given: unknown[]) => {
      const options = given.at(-2) as ListGiven;
      const words = Array.isArray(given[0]) ? (given[0] as string[]) : [];
      return cli.online(async (api) => {
        showList(await items(api, words, options), options.output, columns, cli.console);
        return EXIT.verified;
      });
    });
  };
  const limit = (): Option =>
    new Option("--limit <n>", "at most so many").argParser(integer(1, 10_000)).default(100);

  nodesArgument(get.command("nodes").description("nodes with their state, age and lock"), false)
    .addOption(nodesOutputOption())
    .action((words: string[], { output }: { output: NodesFormat }) =>
      cli.online((api) => showNodes(api, words, output, cli.console)),
    );
  list(
    get.command("agents").description("agents and whether they are connected"),
    AGENTS,
    async (api) => (await api.get<{ agents: AgentRow[] }>("/agents")).agents,
  );
  list(
    nodesArgument(get.command("consoles").description("consoles: link, stage, who types"), false),
    CONSOLES,
    async (api, words) => {
      const nodes = words.length === 0 ? undefined : words.join(",");
      return (await api.get<{ consoles: ConsoleRow[] }>("/consoles", { nodes })).consoles;
    },
  );
  list(
    get.command("services").description("services and whether they are there"),
    SERVICES,
    async (api) => (await api.get<{ services: ServiceRow[] }>("/services")).services,
  );
  list(
    get
      .command("transitions")
      .description("transitions, newest first")
      .option("--active", "only those that have not ended")
      .addOption(limit()),
    TRANSITIONS,
    (api, _words, { active, limit: atMost }) =>
      api.pages<Transition>(
        "/transitions",
        { active, limit: Math.min(100, atMost) },
        "transitions",
        atMost,
      ),
  );
  list(
    get
      .command("locks")
      .description("locks that are held or queued")
      .option("--ended", "also those that have ended")
      .addOption(limit()),
    LOCK_COLUMNS,
    (api, _words, { ended, limit: atMost }) => locksOf(api, Boolean(ended), atMost),
  );
  list(
    nodesArgument(get.command("events").description("what happened last, newest first"), false)
      .option(
        "--kinds <kinds>",
        "only these, with commas between them: result,event,transition,lock",
      )
      .addOption(limit()),
    eventColumns(new Date()),
    async (api, words, { kinds, limit: atMost, output }) => {
      const nodes = words.length === 0 ? undefined : words.join(",");
      const query = { nodes, kinds, limit: Math.min(1000, atMost) };
      const { events } = await api.get<{ events: EventView[] }>("/events/recent", query);
      const known = new KnownTransitions(api);
      if (output !== "table") return events;
      // One after the other: those that are asked for are few, and each once.
      const told: EventView[] = [];
      for (const event of events) {
        const transition = await known.of(event);
        told.push(transition ? { ...event, transition } : event);
      }
      return told;
    },
  );
  list(
    get.command("proposals").description("what was seen and is not declared"),
    PROPOSALS,
    async (api) => (await api.get<{ proposals: Proposal[] }>("/proposals")).proposals,
  );
  list(
    get.command("drift").description("where what is there is not what is declared"),
    DRIFT,
    async (api) => (await api.get<{ drift: Drift[] }>("/drift")).drift,
  );
  get
    .command("site")
    .description("the site in force")
    .addOption(outputOption())
    .action(({ output }: ListOptions) =>
      cli.online(async (api) => {
        const site = await api.get<SiteInForce>("/site");
        showOne(site, output, site.site, cli.console);
        return EXIT.verified;
      }),
    );
  program
    .command("facts")
    .description("the parts of a node, who saw them and when")
    .argument("<node>", "id of a node")
    .addOption(outputOption())
    .action((node: string, { output }: ListOptions) =>
      cli.online(async (api) => {
        const { parts } = await api.get<{ parts: KnownPart[] }>(
          `/nodes/${encodeURIComponent(node)}/facts`,
        );
        showList(parts, output, PARTS, cli.console);
        return EXIT.verified;
      }),
    );
  const history = program
    .command("history")
    .description("what happened to a node, or where a part has been")
    .argument("[node]", "id of a node, which may be gone")
    .option("--part <serial>", "serial number of a part")
    .addOption(limit())
    .addOption(outputOption())
    .action((node: string | undefined, options: ListOptions & { part?: string }) => {
      const { part, output, limit: atMost = 100 } = options;
      if ((node === undefined) === (part === undefined)) {
        history.error("error: name either a node or --part SERIAL");
      }
      return cli.online(async (api) => {
        const entries = await api.pages<HistoryEntry>(
          "/history",
          { node, part, limit: Math.min(200, atMost) },
          "entries",
          atMost,
        );
        showList(entries, output, HISTORY, cli.console);
        return EXIT.verified;
      });
    });
}

export function locksOf(api: Api, ended: boolean, atMost = 10_000): Promise<Lock[]> {
  return api.pages<Lock>(
    "/locks",
    { active: ended ? false : undefined, limit: Math.min(200, atMost) },
    "locks",
    atMost,
  );
}

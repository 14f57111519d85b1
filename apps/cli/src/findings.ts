import type { AgentRow, ServiceRow } from "./commands/get-commands.js";
import { isConsoleOnly, isUnavailable, problemOf, type NodeView } from "./node-rows.js";
import { logOf } from "./service-log.js";
import { supplyFindings } from "./supply-findings.js";
import { foldNodes } from "@outrider/contracts/node-set";
import { consoleFindings } from "./consoles/console-findings.js";
import { countText } from "./count.js";
import { alarmFindings, type LookedAlarms } from "./telemetry/alarm-findings.js";

export interface Finding {
  readonly level: "ok" | "warning" | "error";
  readonly what: string;
  /** What to do. Empty where nothing is wrong. */
  readonly advice: string;
}

/** What the doctor has looked at. */
export interface Looked extends LookedAlarms {
  readonly version: string;
  readonly gatewayVersion: string;
  /** The gateway's calendar minus ours, in milliseconds; undefined: not told. */
  readonly clockDifferenceMs: number | undefined;
  readonly services: readonly ServiceRow[];
  /** What services say is wrong with them, by service; of those that could be asked. */
  readonly reasons?: ReadonlyMap<string, readonly string[]>;
  readonly agents: readonly AgentRow[];
  readonly nodes: readonly NodeView[];
  /** The agents that a node hangs on, by the node's id; of those that cannot be managed. */
  readonly hangOn?: ReadonlyMap<string, readonly string[]>;
  readonly drift: number;
  readonly proposals: number;
  /** Of the data folder, where it is on this machine. */
  readonly disk?: {
    readonly path: string;
    readonly freeBytes: number;
    readonly totalBytes: number;
  };
}

const NEEDED = ["inventory", "power"];
/** Certificates, tokens and leases read oddly beyond this. */
const CLOCK_MS = 5000;
const FREE = { share: 0.05, bytes: 500_000_000 } as const;

/** What is wrong, and what to do about it; what is right, too, so that one sees what was looked at. */
export function findings(looked: Looked): Finding[] {
  return [
    ...services(looked),
    ...alarmFindings(looked),
    ...agents(looked),
    ...nodes(looked),
    ...consoleFindings(looked.nodes),
    ...clocks(looked),
    ...disk(looked),
    looked.drift === 0
      ? fine("what is there is what is declared")
      : warning(
          countText(looked.drift, "thing is not as declared", "things are not as declared"),
          "see `outrider get drift`",
        ),
    ...(looked.proposals === 0
      ? []
      : [
          warning(
            `${countText(looked.proposals, "thing was", "things were")} seen that nobody declared`,
            "see `outrider get proposals`",
          ),
        ]),
  ];
}

function services({
  services: found,
  reasons = new Map<string, readonly string[]>(),
  version,
  gatewayVersion,
}: Looked): Finding[] {
  const said = found.map(({ id, status }): Finding => {
    const state = status?.state ?? "never seen";
    const wrong = reasons.get(id);
    if (state === "ready") {
      // That it says so itself is worth a word: what is measured is stored only while its store works.
      const stored = id === "telemetry" && wrong?.length === 0;
      return fine(`service ${id} is ready${stored ? ": what is measured is stored" : ""}`);
    }
    if (state === "degraded" && wrong && wrong.length > 0) {
      return warning(
        `service ${id} is degraded: ${wrong.join("; ")}`,
        `mend that; ${logOf(id)} says more`,
      );
    }
    const advice = `look into ${logOf(id)}, and start it again when it does not come back by itself`;
    return state === "lost" || state === "never seen"
      ? fault(`service ${id} is ${state}`, advice)
      : warning(`service ${id} is ${state}`, advice);
  });
  for (const id of NEEDED.filter((one) => !found.some((other) => other.id === one))) {
    said.push(
      fault(
        `service ${id} was never seen`,
        "start it, and check that it and the gateway use one broker",
      ),
    );
  }
  const other = found
    .filter(({ status }) => status && status.version !== gatewayVersion)
    .map(({ id }) => id);
  if (other.length > 0) {
    said.push(
      warning(
        `${other.join(", ")} have another version than the gateway (${gatewayVersion})`,
        "bring all parts to one version",
      ),
    );
  }
  if (version !== gatewayVersion) {
    said.push(
      warning(
        `this program is ${version}, the gateway ${gatewayVersion}`,
        "bring both to one version",
      ),
    );
  }
  return said;
}

function agents({
  agents: found,
  hangOn = new Map<string, readonly string[]>(),
}: Looked): Finding[] {
  if (found.length === 0)
    return [warning("no agent was ever heard", "start one on the host that is wired to the nodes")];
  return found.flatMap(({ id, status, endpoints, failed }) => {
    if (status?.state !== "ready") {
      const advice = `check that its host is up and reaches the broker; its nodes cannot be managed meanwhile`;
      const its = [...hangOn].filter(([, ids]) => ids.includes(id)).map(([node]) => node);
      const hanging = its.length === 0 ? "" : `; on it hang ${foldNodes(its)}`;
      return [fault(`agent ${id} is ${status?.state ?? "never seen"}${hanging}`, advice)];
    }
    if (failed === 0) return [fine(`agent ${id} is ready with ${endpoints} endpoints`)];
    return [
      fault(
        `agent ${id} could not open ${failed} of ${endpoints} endpoints`,
        `see \`outrider describe agent ${id}\` for why`,
      ),
    ];
  });
}

function nodes({ nodes: all, hangOn }: Looked): Finding[] {
  const said: Finding[] = [];
  const switched = all.filter((node) => !isConsoleOnly(node));
  const tell = (wrong: readonly NodeView[], what: string, advice: string): void => {
    if (wrong.length > 0)
      said.push(warning(`${foldNodes(wrong.map(({ id }) => id))}: ${what}`, advice));
  };
  // Of those whose problem is known, that is told below.
  const unexplained = all.filter((node) => isUnavailable(node) && problemOf(node) === undefined);
  const unavailable = Map.groupBy(unexplained, ({ id }) => (hangOn?.get(id) ?? []).join(", "));
  for (const [agent, wrong] of unavailable) {
    const advice =
      agent === ""
        ? "`outrider describe node` says which agent they hang on; see how it fares"
        : "see how their agent fares";
    tell(wrong, `cannot be managed now${agent === "" ? "" : ` (agent ${agent})`}`, advice);
  }
  tell(
    switched.filter(({ supply }) => !supply || supply.stale),
    "nothing fresh is known of their supply",
    "see how their agent fares; silence is not Off",
  );
  said.push(...supplyFindings(all));
  tell(
    all.filter(({ fault: latched }) => latched !== undefined),
    "power-on attempts are exhausted",
    "find out why, then `outrider power on` clears it",
  );
  const rest = all.length - switched.length;
  if (said.length === 0 && (switched.length > 0 || rest === 0)) {
    said.push(fine(`${countText(switched.length, "node")} can be managed`));
  }
  if (rest > 0) {
    said.push(fine(countText(rest, "node has a console only", "nodes have a console only")));
  }
  return said;
}

function clocks({ clockDifferenceMs }: Looked): Finding[] {
  if (clockDifferenceMs === undefined) return [];
  if (Math.abs(clockDifferenceMs) <= CLOCK_MS)
    return [fine("the gateway's clock agrees with this one")];
  const which = clockDifferenceMs > 0 ? "ahead of" : "behind";
  const seconds = Math.round(Math.abs(clockDifferenceMs) / 1000);
  return [
    warning(
      `the gateway's clock is ${seconds} s ${which} this one`,
      "set both by NTP; ages and times are read wrongly meanwhile",
    ),
  ];
}

function disk({ disk: found }: Looked): Finding[] {
  if (!found) return [];
  const { path, freeBytes, totalBytes } = found;
  const text = `${path} has ${Math.round(freeBytes / 1e6)} MB free`;
  const isShort = freeBytes < FREE.bytes || freeBytes < totalBytes * FREE.share;
  return [
    isShort ? warning(text, "make room; power goes on from a reserve, logs do not") : fine(text),
  ];
}

const fine = (what: string): Finding => ({ level: "ok", what, advice: "" });
const warning = (what: string, advice: string): Finding => ({ level: "warning", what, advice });
const fault = (what: string, advice: string): Finding => ({ level: "error", what, advice });

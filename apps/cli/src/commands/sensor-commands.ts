import { milliseconds } from "@outrider/contracts/clock";
import { csvLine } from "@outrider/contracts/csv";
import { QUANTITIES } from "@outrider/contracts/reading";
import type {
  MeasurementsPage,
  NodeSensors,
  ReadingsPage,
} from "@outrider/contracts/telemetry-pages";
import { Option, type Command } from "commander";
import type { Api } from "../api.js";
import type { Cli } from "../cli.js";
import { shown, toOutput } from "../consoles/bytes-out.js";
import { EXIT, type ExitCode } from "../exit-code.js";
import { duration, nodesArgument, outputOption, timeOption, wordsOf } from "../options.js";
import { showList, type Format } from "../output.js";
import { plain } from "../plain.js";
import { historyColumns } from "../telemetry/history-rows.js";
import { sensorRows, SENSORS, type SensorRow } from "../telemetry/sensor-rows.js";
import { spansOf, STATE_SPANS } from "../telemetry/spans.js";
import { watchSensors } from "../telemetry/watch-sensors.js";

interface SensorOptions {
  readonly watch?: boolean;
  readonly interval: number;
  readonly sensor?: string;
  readonly quantity?: readonly string[];
  readonly history?: string;
  readonly what?: What;
  readonly until?: string;
  readonly every?: string;
  readonly csv?: boolean;
  readonly output: Format;
}

/** What of the past is shown. */
const WHATS = ["sensors", "heartbeats", "states"] as const;
type What = (typeof WHATS)[number];
const MEASUREMENT_OF = { heartbeats: "node_heartbeat", states: "node_state" } as const;

/** Of a sparkline. */
const COLUMNS = 40;

export function addSensorCommands(program: Command, cli: Cli): void {
  const sensors = nodesArgument(
    program
      .command("sensors")
      .description(
        "what sensors and heartbeats say, with units and ages; with --history what they have said",
      ),
  );
  sensors
    .addOption(
      new Option("-w, --watch", "go on, until Ctrl-C; to a pipe each reading on a line").conflicts([
        "history",
        "csv",
      ]),
    )
    .addOption(
      new Option("--interval <duration>", "with --watch at a terminal, how often it is drawn anew")
        .argParser(duration({ min: 100, max: 3_600_000 }))
        .default(1000, "1s"),
    )
    .option("--sensor <name>", "only the sensor or heartbeat of this name")
    .addOption(
      new Option(
        "--quantity <names>",
        "only these, with commas between them: voltageVolts,powerWatts",
      ).argParser(wordsOf(Object.keys(QUANTITIES), "quantities with commas between them")),
    )
    .addOption(historyOption())
    .addOption(
      new Option(
        "--what <what>",
        "with --history, of what: sensors (default), heartbeats, or states of the node",
      ).choices(WHATS),
    )
    .addOption(timeOption("--until"))
    .option(
      "--every <duration>",
      "with --history, the span that goes into one point; raw: every reading",
    )
    .option("--csv", "as CSV; with --history every point, however many")
    .addOption(outputOption())
    .action((words: string[], options: SensorOptions) => {
      const { history, until, every, what, watch, quantity, sensor } = options;
      if (history === undefined && (until ?? every ?? what) !== undefined) {
        sensors.error("error: --until, --every and --what belong to --history");
      }
      if (what !== undefined && what !== "sensors" && quantity !== undefined) {
        sensors.error(`error: ${what} have no quantities`);
      }
      if (what === "states" && sensor !== undefined) {
        sensors.error("error: states are of the node, and of no sensor");
      }
      const nodes = words.join(",");
      return cli.online((api) =>
        history !== undefined
          ? showHistory(api, nodes, { ...options, history }, cli)
          : watch
            ? watchSensors(
                api,
                {
                  nodes,
                  every: milliseconds(options.interval),
                  jsonl: options.output === "jsonl",
                  rows: (found) => sensorRows(ofSensor(found, options.sensor), chosen(options)),
                },
                cli.console,
              )
            : showLatest(api, nodes, options, cli),
      );
    });
}

function historyOption(): Option {
  const since = timeOption("--since");
  const option = new Option(
    "--history <time>",
    "what they have said since then: so long before now (1h, 2d), a date, or a time (RFC 3339)",
  );
  return since.parseArg ? option.argParser(since.parseArg) : option;
}

function latestOf(api: Api, nodes: string, sensor: string | undefined): Promise<NodeSensors[]> {
  return api.pages<NodeSensors>("/sensors", { nodes, sensor, limit: 1000 }, "nodes");
}

function ofSensor(
  nodes: readonly NodeSensors[],
  sensor: string | undefined,
): readonly NodeSensors[] {
  if (sensor === undefined) return nodes;
  return nodes.map(({ node, sensors, heartbeats }) => ({
    node,
    sensors: sensors.filter((one) => one.sensor === sensor),
    heartbeats: heartbeats.filter((one) => one.heartbeat === sensor),
  }));
}

function chosen({ quantity }: Pick<SensorOptions, "quantity">): ReadonlySet<string> | undefined {
  return quantity && new Set(quantity);
}

async function showLatest(
  api: Api,
  nodes: string,
  options: SensorOptions,
  { console }: Cli,
): Promise<ExitCode> {
  const found = await latestOf(api, nodes, options.sensor);
  const rows = sensorRows(found, chosen(options));
  const { output, csv, sensor, quantity } = options;
  const isNothing = found.length > 0 && rows.length === 0;
  if (csv) for (const line of csvLines(rows)) console.out(line);
  else if (output === "table" || output === "name") {
    if (!isNothing) showList(rows, output, SENSORS, console);
  } else
    showList(
      narrowed(found, chosen(options)),
      output,
      { ...SENSORS, name: () => "" } as never,
      console,
    );
  if (isNothing) {
    const isAskedFor = (sensor ?? quantity) !== undefined;
    if (isAskedFor || output === "table")
      console.error(plain(`outrider: ${await whyNothing(api, nodes, options)}`));
    return isAskedFor ? EXIT.precondition : EXIT.verified;
  }
  if (found.length > 0) return EXIT.verified;
  console.error(plain(`outrider: no node in this set, of those that you may see: ${nodes}`));
  return EXIT.precondition;
}

/** What there is in the place of what was asked for. */
async function whyNothing(
  api: Api,
  nodes: string,
  { sensor, quantity }: SensorOptions,
): Promise<string> {
  const { nodes: some } = await api.get<{ nodes: readonly NodeSensors[] }>("/sensors", {
    nodes,
    limit: 100,
  });
  const names = new Set(
    some.flatMap(({ sensors, heartbeats }) => [
      ...sensors.map((one) => one.sensor),
      ...heartbeats.map((one) => one.heartbeat),
    ]),
  );
  if (names.size === 0) {
    return "nothing was ever read of these nodes; `outrider describe node` says which sensors and heartbeats they have";
  }
  if (sensor !== undefined && !names.has(sensor)) {
    return `no sensor or heartbeat ${sensor}; there are ${[...names].join(", ")}`;
  }
  const of = sensor === undefined ? "" : ` of ${sensor}`;
  const named = ofSensor(some, sensor).flatMap(({ sensors }) => sensors);
  const asked = quantity?.join(", ") ?? "reading";
  if (sensor !== undefined && named.length === 0) {
    return `no ${asked}${of}, which is a heartbeat and has no quantities`;
  }
  const measured = new Set(named.flatMap(({ values }) => values.map((one) => one.quantity)));
  const there = measured.size === 0 ? "no quantities" : [...measured].join(", ");
  return `no ${asked} was ever read${of}; there are ${there}`;
}

/** As the gateway says it, without the quantities that were not asked for. */
function narrowed(
  nodes: readonly NodeSensors[],
  quantities: ReadonlySet<string> | undefined,
): readonly NodeSensors[] {
  if (!quantities) return nodes;
  return nodes.map(({ node, sensors }) => ({
    node,
    sensors: sensors
      .map((one) => ({
        ...one,
        values: one.values.filter((value) => quantities.has(value.quantity)),
      }))
      .filter(({ values }) => values.length > 0),
    heartbeats: [],
  }));
}

function* csvLines(rows: readonly SensorRow[]): Generator<string> {
  const line = (cells: readonly (string | number | undefined)[]): string =>
    plain(csvLine(cells).slice(0, -2));
  yield line(["time", "node", "sensor", "quantity", "unit", "value", "told"]);
  for (const { at, node, sensor, quantity, unit, number, value } of rows) {
    yield line([at, node, sensor, quantity, unit, number, number === undefined ? value : ""]);
  }
}

async function showHistory(
  api: Api,
  nodes: string,
  {
    history,
    what = "sensors",
    until,
    every,
    sensor,
    quantity,
    csv,
    output,
  }: SensorOptions & { history: string },
  { console }: Cli,
): Promise<ExitCode> {
  const span = { nodes, from: history, to: until, every };
  const isOfSensors = what === "sensors";
  const path = isOfSensors ? "/readings" : `/measurements/${MEASUREMENT_OF[what]}`;
  const query = isOfSensors
    ? { ...span, sensor, quantity: quantity?.join(",") }
    : { ...span, of: sensor };
  if (csv) {
    const { bytes } = console;
    const chunks = await api.stream(path, { ...query, format: "csv" });
    await toOutput(bytes.outputIsTerminal ? shown(chunks) : chunks, console);
    return EXIT.verified;
  }
  if (!isOfSensors) {
    const states = await api.get<MeasurementsPage>(path, query);
    const isForPeople = output === "table" || output === "name";
    if (isForPeople) showList(spansOf(states), output, STATE_SPANS, console);
    else showList(states.series, output, { ...STATE_SPANS, name: () => "" } as never, console);
    return EXIT.verified;
  }
  const page = await api.get<ReadingsPage>(path, query);
  const columns = console.bytes.outputIsTerminal ? COLUMNS : 0;
  showList(page.series, output, historyColumns(page, columns), console);
  return EXIT.verified;
}

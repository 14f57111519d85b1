import { MEASUREMENTS, type Measurement } from "@outrider/contracts/measurements";
import { QUANTITIES } from "@outrider/contracts/reading";
import { codeOf } from "../looks.js";

/** An hour of a small site, known to the last number. */

export interface KnownSeries {
  readonly measurement: Measurement;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, number>>;
  /** Between its points; they end at the end of the hour. */
  readonly everyMs: number;
}

export interface KnownEvent {
  readonly atMs: number;
  readonly tags: { readonly node: string; readonly kind: string; readonly severity: string };
  readonly message: string;
}

/** One is the beginning of another, one the end, and some have hyphens. */
export const NODES = ["n1", "n10", "n2", "rack-a-n3", "x-n1"] as const;
const MINUTE = 60_000;
export const SPAN_MS = 60 * MINUTE;

/** @param endMs a whole minute */
export function events(endMs: number): KnownEvent[] {
  const kinds = [
    ["console-rule", "warning", 'it said "panic"'],
    ["console-gap", "notice", "lost, 12 bytes = all"],
    ["boot", "info", "a new boot is seen by its console"],
    ["power-result", "info", "On by user:ada: Succeeded"],
    ["power-result", "error", "ForceOff by user:ada: Failed"],
    ["alarm-raised", "critical", "too hot"],
    ["heartbeat-missed", "warning", "silent"],
  ] as const;
  return NODES.flatMap((node, index) =>
    kinds.flatMap(([kind, severity, message], which) =>
      // Some happen more often than others, at seconds of their own.
      Array.from({ length: 1 + ((index + which) % 3) }, (_, nth) => ({
        atMs: endMs - (20 - nth * 5) * MINUTE + which * 3000 + index * 500 + 7,
        tags: { node, kind, severity },
        message: `${node}: ${message}`,
      })),
    ),
  );
}

export function series(): KnownSeries[] {
  return [
    ...NODES.flatMap(ofNode),
    ...["psu-a", "psu-b"].map((domain, index) => ({
      measurement: "domain_power" as const,
      tags: { domain },
      fields: { drawWatts: 60 + 32 * index, budgetWatts: 120 - 20 * index, startsRunning: index },
      everyMs: MINUTE,
    })),
    ...["rack-a", "rack-b"].map((agent, index) => ({
      measurement: "agent_clock" as const,
      tags: { agent },
      fields: { offsetSeconds: index * -90 },
      everyMs: MINUTE,
    })),
    ...["agent:rack-a", "domain:psu-a", "service:telemetry"].map((subject, index) => ({
      measurement: "site_alarm" as const,
      tags: { subject, alarm: "some-rule" },
      fields: { severity: index },
      everyMs: MINUTE,
    })),
    ...["power", "telemetry", "console"].map((service, index) => ({
      measurement: "system_health" as const,
      tags: { service },
      fields: {
        up: index === 2 ? 0 : 1,
        ...(service === "telemetry" ? { spooledPoints: 12, droppedPoints: 3, series: 40 } : {}),
      },
      everyMs: MINUTE,
    })),
  ];
}

function ofNode(node: string, index: number): KnownSeries[] {
  const state = (field: keyof (typeof MEASUREMENTS)["node_state"]["fields"], words: string[]) =>
    codeOf("node_state", field, words[index % words.length] ?? "");
  const half = 30_000;
  return [
    {
      measurement: "node_state",
      tags: { node },
      fields: {
        supply: state("supply", ["On", "Off", "On", "Unknown"]),
        host: state("host", ["Running", "Unknown", "Halted", "Unknown"]),
        management: state("management", ["Available", "Available", "Available", "Unavailable"]),
        // One hangs, the silence of two others is as it should be.
        liveness: state("liveness", ["Silent", "Silent", "Silent", "Unknown", "Alive"]),
        health: state("health", ["OK", "Unknown", "Warning", "Critical"]),
      },
      everyMs: MINUTE,
    },
    // Every quantity there is, so that each has its panel and each panel its values.
    {
      measurement: "node_sensor",
      tags: { node, sensor: "all" },
      fields: Object.fromEntries(
        Object.entries(QUANTITIES).map(([quantity, { min, max }], nth) => [
          quantity,
          max === 1 && min === 0 ? (index + nth) % 2 : Math.min(max, 20 + nth / 4 + index),
        ]),
      ),
      everyMs: half,
    },
    ...["supply", "soc", "board"].map((sensor, nth) => ({
      measurement: "node_sensor" as const,
      tags: { node, sensor },
      fields: { temperatureCelsius: 40 + 13 * index + 3.5 * nth, powerWatts: 3 + index + nth / 8 },
      everyMs: half,
    })),
    ...[
      ["lan", "network", 1],
      ["reporter", "system", index % 2],
    ].map(([heartbeat, proves, alive]) => ({
      measurement: "node_heartbeat" as const,
      tags: { node, heartbeat: String(heartbeat), proves: String(proves) },
      fields: { alive: Number(alive), tookMs: 1.5 + index, uptimeSeconds: 1000 * (index + 1) },
      everyMs: half,
    })),
    {
      measurement: "node_absence",
      tags: { node, sensor: "fan", quantity: "fanRevolutionsPerMinute" },
      fields: { reason: 1 + index },
      everyMs: MINUTE,
    },
    ...["silent", "soc-temperature-soc"].map((alarm, nth) => ({
      measurement: "node_alarm" as const,
      tags: { node, alarm },
      fields: { severity: (index + nth) % 3 },
      everyMs: MINUTE,
    })),
  ];
}

/** What is kept of the hour, as the telemetry service makes it where a store cannot. */
export function hourLines(endMs: number): string[] {
  const atMs = endMs - SPAN_MS / 2;
  const known = series().map(({ measurement, tags, fields, everyMs }) => {
    const count = SPAN_MS / everyMs;
    return rolled(measurement, tags, fields, count, atMs);
  });
  const groups = Map.groupBy(events(endMs), ({ tags }) => tagText(tags));
  const happened = [...groups.values()].map((group) =>
    rolled("node_event", group[0]?.tags ?? {}, { count: 1 }, group.length, atMs),
  );
  return [...known, ...happened];
}

function rolled(
  measurement: string,
  tags: KnownSeries["tags"],
  fields: KnownSeries["fields"],
  count: number,
  atMs: number,
): string {
  const values = Object.entries(fields).flatMap(([field, value]) => [
    `${field}_sum=${value * count}`,
    `${field}_count=${count}`,
    ...["min", "max", "last"].map((name) => `${field}_${name}=${value}`),
  ]);
  return `${measurement}${tagText(tags)} ${values.join(",")} ${atMs}`;
}

/** All of it as line protocol, with times in milliseconds. */
export function lines(endMs: number, withTexts: boolean): string[] {
  const known = series().flatMap(({ measurement, tags, fields, everyMs }) => {
    const values = Object.entries(fields).map(([field, value]) => `${field}=${value}`);
    const head = `${measurement}${tagText(tags)} ${values.join(",")}`;
    return Array.from(
      { length: SPAN_MS / everyMs },
      (_, index) => `${head} ${endMs - index * everyMs}`,
    );
  });
  const happened = events(endMs).map(({ atMs, tags, message }) => {
    const text = withTexts ? `,message="${message.replaceAll(/["\\]/g, String.raw`\$&`)}"` : "";
    return `node_event${tagText(tags)} count=1${text} ${atMs}`;
  });
  return [...known, ...happened];
}

function tagText(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags)
    .map(([tag, value]) => `,${tag}=${value}`)
    .join("");
}

import type { Metrics } from "@outrider/service-kit/metrics";
import type { ConsoleCore } from "./console-core.js";

/** What this service measures beside what every service does. */
export function measureConsoles(metrics: Metrics, { consoles, taps, left }: ConsoleCore): void {
  const bytes = metrics.counter(
    "outrider_console_bytes_total",
    "Bytes of consoles that were taken from agents since the start of the process.",
  );
  const gaps = metrics.counter(
    "outrider_console_gaps_total",
    "Places where bytes of consoles are missing, by reason, since the start of the process.",
    ["reason"],
  );
  taps.add({
    bytes: (_, items) => {
      let taken = 0;
      for (const item of items) {
        if (item.kind === "bytes") taken += item.bytes.length;
        else if (item.kind === "gap") gaps.add({ reason: item.reason });
      }
      if (taken > 0) bytes.add({}, taken);
    },
  });
  metrics.gauges("outrider_consoles", "Consoles that the site declares, by link.", "link", () => {
    const counts = { Up: 0, Down: 0, Unknown: 0 };
    for (const { console } of consoles.all()) counts[console.link.value] += 1;
    return Object.entries(counts);
  });
  metrics.gauge(
    "outrider_console_sessions",
    "People and programs at consoles.",
    () => consoles.places,
  );
  metrics.gauge(
    "outrider_console_unclaimed",
    "Consoles that agents have and the site does not declare as theirs.",
    () => consoles.unclaimed.length,
  );
  metrics.gauge(
    "outrider_console_logs_failing",
    "Consoles whose log cannot be written.",
    () => [...consoles.all()].filter(({ log }) => log.problem !== undefined).length,
  );
  metrics.gauge(
    "outrider_console_left_log_bytes",
    "Bytes of the logs of nodes that have no console any more.",
    () => left.list.reduce((sum, one) => sum + one.bytes, 0),
  );
  metrics.gauge("outrider_console_log_bytes", "Bytes of the logs of consoles on the disk.", () => {
    let total = 0;
    for (const { log } of consoles.all()) total += log.bytesOnDisk;
    return total;
  });
}

import type { Session } from "@outrider/messaging/session";
import type { Health } from "./health.js";
import type { Metrics } from "./metrics.js";
import type { WatchedStorage } from "./watched-storage.js";

/** What every service measures of itself, beside what Node tells of the process. */
export function registerServiceMetrics(
  metrics: Metrics,
  {
    session,
    health,
    storages,
  }: {
    readonly session: Session;
    readonly health: Health;
    /** May grow. */
    readonly storages: readonly WatchedStorage[];
  },
): void {
  const { counters } = session;
  metrics.gauge("outrider_broker_connected", "1 while the broker is connected.", () =>
    Number(session.connected),
  );
  metrics.gauges(
    "outrider_messages",
    "Messages since the start of the process, by what became of them.",
    "kind",
    () => [
      ["received", counters.received],
      ["published", counters.published],
      ["refused", counters.refused],
      ["retained_dropped", counters.retainedDropped],
    ],
  );
  metrics.gauge(
    "outrider_broker_reconnects",
    "Connections to the broker after the first.",
    () => counters.reconnects,
  );
  metrics.gauge("outrider_ready", "1 while the service is ready, 0 while it is degraded.", () =>
    Number(health.state === "ready"),
  );
  metrics.gauge(
    "outrider_event_loop_lag_seconds",
    "How late the event loop was at worst in the last seconds.",
    () => health.lagMs / 1000,
  );
  for (const [key, help] of STORAGE) {
    metrics.gauges(`outrider_storage_${key}`, help, "namespace", () =>
      storages.map((storage) => [storage.namespace, storage.stats()[key]] as const),
    );
  }
}

const STORAGE = [
  ["commits", "Commits that were flushed since the start of the process."],
  ["transactions", "Transactions that were applied since the start of the process."],
  ["failed", "Transactions that the database refused since the start of the process."],
  ["pending", "Transactions that wait or are under way."],
] as const;

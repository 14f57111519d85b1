import { defineDriver } from "@outrider/ports/driver";
import type { Heartbeat } from "@outrider/ports/heartbeat-port";
import { PortError } from "@outrider/ports/port-error";
import type { HostReport } from "@outrider/transports/reporter";
import { WAIT_MS } from "../host-options.js";
import { openReporter, REPORTER_EXAMPLE, ReporterOptions } from "../reporter-options.js";

export const driver = defineDriver({
  port: "heartbeat",
  driver: "reporter",
  summary:
    "The reporter on the host says, signed, which boot of which kernel runs and for how long: proves that the system runs.",
  actions: [],
  options: ReporterOptions,
  example: { options: REPORTER_EXAMPLE },
  open: async (options, context) => {
    const { waitMs = WAIT_MS } = options;
    const reporter = await openReporter(options, context);
    const { clock } = context;
    return {
      proves: "system",
      read: async (signal) => {
        const startedMs = clock.monotonicMs();
        try {
          const report = await reporter.report(waitMs, signal);
          const tookMs = Math.round((clock.monotonicMs() - startedMs) * 10) / 10;
          return { alive: true, tookMs, ...saidBy(report) };
        } catch (error) {
          return silence(error);
        }
      },
      [Symbol.asyncDispose]: async () => reporter[Symbol.dispose](),
    };
  },
});

function saidBy({
  bootId,
  uptimeSeconds,
  state,
  problem,
  kernel,
}: HostReport): Omit<Heartbeat, "alive"> {
  const words = state === "going-down" ? "It is going down." : problem.slice(0, 300);
  return { bootId, uptimeSeconds, detail: [kernel, words].filter(Boolean).join(". ") };
}

/** What a host that is off, or starts, or has no reporter running comes to. */
const AWAY: Readonly<Record<string, string>> = {
  ECONNREFUSED: "Its kernel refuses: it runs, and its reporter does not.",
  EHOSTUNREACH: "The network says that there is no such host.",
  EHOSTDOWN: "The network says that there is no such host.",
  ETIMEDOUT: "",
  ECONNRESET: "The connection was cut in the middle.",
  EPIPE: "The connection was cut in the middle.",
};

function silence(error: unknown): Heartbeat {
  if (!(error instanceof PortError)) throw error;
  if (error.code === "timed-out") return { alive: false };
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code ?? "";
  const detail = error.code === "unreachable" ? AWAY[code] : undefined;
  if (detail === undefined) throw error;
  return { alive: false, ...(detail === "" ? {} : { detail }) };
}

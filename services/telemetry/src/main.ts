import { runProgram } from "@outrider/service-kit/program";
import { readTelemetryConfig } from "./config.js";
import { startTelemetryService } from "./start.js";

await runProgram("telemetry", (log, defect) =>
  startTelemetryService(readTelemetryConfig(process.env), { log, defect }),
);

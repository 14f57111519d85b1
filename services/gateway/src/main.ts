import { runProgram } from "@outrider/service-kit/program";
import { readGatewayConfig } from "./config.js";
import { startGateway } from "./start.js";

await runProgram("gateway", (log, defect) =>
  startGateway(readGatewayConfig(process.env), { log, defect }),
);

import { runProgram } from "@outrider/service-kit/program";
import { readGatewayConfig } from "./config.js";
import { startGateway } from "./start.js";

await runProgram("gateway", (log, defect) => {
  const config = readGatewayConfig(process.env);
  return startGateway(config, {
    log,
    defect,
    ...(config.demo ? { anonymous: "loopback-operator" as const } : {}),
  });
});

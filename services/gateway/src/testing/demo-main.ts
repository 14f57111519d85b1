import { runProgram } from "@outrider/service-kit/program";
import { readGatewayConfig } from "../config.js";
import { startGateway } from "../start.js";

/** The gateway as the demonstration starts it: whoever is on this machine is an operator. */
await runProgram("gateway", (log, defect) =>
  startGateway(readGatewayConfig(process.env), { log, defect, anonymous: "loopback-operator" }),
);

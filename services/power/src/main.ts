import { runProgram } from "@outrider/service-kit/program";
import { declareFailpoints } from "@outrider/storage/failpoint";
import { readPowerConfig } from "./config.js";
import { POWER_FAILPOINTS } from "./runs.js";
import { startPowerService } from "./start.js";
import { TRANSITION_FAILPOINTS } from "./transitions/transitions.js";

declareFailpoints([...POWER_FAILPOINTS, ...TRANSITION_FAILPOINTS]);

await runProgram("power", (log, defect) =>
  startPowerService(readPowerConfig(process.env), { log, defect }),
);

import { runProgram } from "@outrider/service-kit/program";
import { declareFailpoints } from "@outrider/storage/failpoint";
import { readPowerConfig } from "./config.js";
import { POWER_FAILPOINTS } from "./runs.js";
import { startPowerService } from "./start.js";

declareFailpoints(POWER_FAILPOINTS);

await runProgram("power", (log, defect) =>
  startPowerService(readPowerConfig(process.env), { log, defect }),
);

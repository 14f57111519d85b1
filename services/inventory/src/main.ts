import { runProgram } from "@outrider/service-kit/program";
import { readInventoryConfig } from "./config.js";
import { SiteFileError } from "./site-problem.js";
import { startInventory } from "./start.js";

/** sysexits(3): the configuration is wrong. Supervisors need not try again. */
const EX_CONFIG = 78;

await runProgram("inventory", async (log, defect) => {
  const config = readInventoryConfig(process.env);
  try {
    const inventory = await startInventory(config, { log, defect });
    process.on("SIGHUP", () => void inventory.reload().catch(defect));
    return inventory;
  } catch (error) {
    if (!(error instanceof SiteFileError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(EX_CONFIG);
  }
});

import type { DescribedDriver } from "@outrider/contracts/agent";
import { jsonSchemaOf } from "@outrider/contracts/schema";
import { listDrivers, loadDriver } from "@outrider/drivers/registry";
import type { AgentLog } from "./log.js";

/** Every driver that this agent can open, with the JSON Schema of its options. One that cannot be loaded here is left out. */
export async function driverCatalogue(log: AgentLog): Promise<DescribedDriver[]> {
  const described: DescribedDriver[] = [];
  for (const { port, driver } of await listDrivers()) {
    try {
      const { summary, actions, options } = await loadDriver(port, driver);
      described.push({
        port,
        driver,
        summary,
        actions: [...actions],
        options: { ...jsonSchemaOf(options) },
      });
    } catch (error) {
      log.error(
        { err: error, port, driver },
        "a driver cannot be loaded on this host; it is left out",
      );
    }
  }
  return described;
}

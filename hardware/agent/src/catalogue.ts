import type { DescribedDriver, DescribedNeed } from "@outrider/contracts/agent";
import { describedSchema, readOptionWords } from "@outrider/drivers/option-words";
import { listDrivers, loadDriver } from "@outrider/drivers/registry";
import type { Needs } from "@outrider/ports/driver";
import type { AgentLog } from "./log.js";

function mapValues(needs: Needs): Record<string, DescribedNeed> {
  return Object.fromEntries(
    Object.entries(needs).map(([name, { port, optional = false, summary }]) => [
      name,
      { port, optional, summary },
    ]),
  );
}

/** Every driver that this agent can open, with the JSON Schema of its options. One that cannot be loaded here is left out. */
export async function driverCatalogue(log: AgentLog): Promise<DescribedDriver[]> {
  const described: DescribedDriver[] = [];
  const words = await readOptionWords();
  for (const { port, driver } of await listDrivers()) {
    try {
      const declared = await loadDriver(port, driver);
      const { summary, actions, options, needs, example, exclusive, proof } = declared;
      const { exclusiveDefaults, network } = declared;
      described.push({
        port,
        driver,
        summary,
        actions: [...actions],
        options: { ...describedSchema(options, words) },
        ...(needs === undefined ? {} : { needs: mapValues(needs) }),
        example: { ...example },
        ...(exclusive === undefined ? {} : { exclusive: [...exclusive] }),
        ...(exclusiveDefaults === undefined ? {} : { exclusiveDefaults: { ...exclusiveDefaults } }),
        ...(network === undefined ? {} : { network }),
        ...(proof === undefined ? {} : { proof }),
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

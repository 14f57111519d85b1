import { inspect } from "node:util";
import type { DescribedDriver, DescribedNeed, DescribedResource } from "@outrider/contracts/agent";
import { describedSchema, readOptionWords } from "@outrider/drivers/option-words";
import { listDrivers, loadDriver, type DriverKey } from "@outrider/drivers/registry";
import type { Needs, Resource } from "@outrider/ports/driver";

/** A driver that cannot be loaded on this host. */
export interface FailedDriver extends DriverKey {
  readonly reason: string;
}

export interface DriverDescriptions {
  readonly drivers: readonly DescribedDriver[];
  readonly failed: readonly FailedDriver[];
}

/**
 * Loads every driver there is, and says of each what people and services need to know.
 * @param root the folders of the drivers; missing: ours
 */
export async function describeDrivers(root?: URL): Promise<DriverDescriptions> {
  const drivers: DescribedDriver[] = [];
  const failed: FailedDriver[] = [];
  const words = await readOptionWords();
  for (const { port, driver } of await listDrivers(root)) {
    try {
      const declared = await loadDriver(port, driver, root);
      const { summary, actions, options, needs, example, exclusive, proof } = declared;
      const { exclusiveDefaults, resource, network } = declared;
      drivers.push({
        port,
        driver,
        summary,
        actions: [...actions],
        options: { ...describedSchema(options, words) },
        ...(needs === undefined ? {} : { needs: describedNeeds(needs) }),
        example: { ...example },
        ...(exclusive === undefined ? {} : { exclusive: [...exclusive] }),
        ...(exclusiveDefaults === undefined ? {} : { exclusiveDefaults: { ...exclusiveDefaults } }),
        ...(resource === undefined ? {} : { resource: describedResource(resource) }),
        ...(network === undefined ? {} : { network }),
        ...(proof === undefined ? {} : { proof }),
      });
    } catch (error) {
      failed.push({ port, driver, reason: inspect(error) });
    }
  }
  return { drivers, failed };
}

function describedResource({ kind, options, defaults }: Resource): DescribedResource {
  return { kind, options: [...options], ...(defaults ? { defaults: { ...defaults } } : {}) };
}

function describedNeeds(needs: Needs): Record<string, DescribedNeed> {
  return Object.fromEntries(
    Object.entries(needs).map(([name, { port, optional = false, summary }]) => [
      name,
      { port, optional, summary },
    ]),
  );
}

import { join } from "node:path";
import { InfluxBackend } from "../influx/influx-backend.js";
import { readDatabaseUrl } from "../influx/influx-url.js";
import { RemoteStore } from "../remote-store.js";
import { Spool } from "../spool/spool.js";
import { DEFAULT_SPOOL_BYTES, type StoreConfig, type StoreDeps } from "../store-config.js";
import { DEPS } from "./quiet.js";

/** A store in an InfluxDB 1.x whose roll-ups can be asked for. */
export async function openInflux(
  config: StoreConfig & { readonly url: string },
  deps: StoreDeps = DEPS,
): Promise<{ store: RemoteStore; backend: InfluxBackend }> {
  const at = { ...readDatabaseUrl(config.url), kind: "influx" as const };
  const backend = await InfluxBackend.open(at, config, deps);
  const spool = await Spool.open({
    directory: join(config.directory, "spool"),
    maximumBytes: config.spoolBytes ?? DEFAULT_SPOOL_BYTES,
    whenFull: config.whenFull ?? "refuse",
    log: deps.log,
  });
  return { store: new RemoteStore(config, deps, spool, backend), backend };
}

import { join } from "node:path";
import { AskedBackend } from "./asked-backend.js";
import { EmbeddedStore } from "./embedded/embedded-store.js";
import { readDatabaseUrl } from "./influx/influx-url.js";
import { RemoteStore } from "./remote-store.js";
import { Spool } from "./spool/spool.js";
import { DEFAULT_SPOOL_BYTES, type StoreConfig, type StoreDeps } from "./store-config.js";
import type { Store } from "./store.js";

/**
 * Opens the store that the configuration asks for. A database that does not answer is no error: what is written waits
 * in the spool.
 * @throws Error when its folder cannot be used, or the URL is none
 */
export async function openStore(config: StoreConfig, deps: StoreDeps): Promise<Store> {
  if (config.url === undefined) return EmbeddedStore.open(config, deps);
  const at = readDatabaseUrl(config.url);
  const spool = await Spool.open({
    directory: join(config.directory, "spool"),
    maximumBytes: config.spoolBytes ?? DEFAULT_SPOOL_BYTES,
    whenFull: config.whenFull ?? "refuse",
    log: deps.log,
  });
  return new RemoteStore(config, deps, spool, new AskedBackend(at, config, deps));
}

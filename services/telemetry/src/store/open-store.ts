import { EmbeddedStore } from "./embedded/embedded-store.js";
import type { StoreConfig, StoreDeps } from "./store-config.js";
import type { Store } from "./store.js";

/**
 * Opens the store that the configuration asks for. A database that does not answer is no error: what is written waits
 * in the spool.
 * @throws Error when its folder cannot be used, or the URL is none
 */
export async function openStore(config: StoreConfig, deps: StoreDeps): Promise<Store> {
  return EmbeddedStore.open(config, deps);
}

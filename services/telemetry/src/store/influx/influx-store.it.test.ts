import { join } from "node:path";
import { eventually } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStore } from "../open-store.js";
import { hasInflux, startInflux, type TestDatabase } from "../testing/databases.js";
import { openInflux } from "../testing/open-influx.js";
import { DEPS } from "../testing/quiet.js";
import { describeStore, freshName, HOUR, pointOf } from "../testing/store-suite.js";
import type { Store } from "../store.js";
import type { InfluxBackend } from "./influx-backend.js";

describe.runIf(hasInflux())("InfluxDB", () => {
  let directory: TempDir;
  let influx: TestDatabase;
  beforeAll(async () => {
    directory = await tempDir("influx-");
    influx = await startInflux(join(directory.path, "influx"));
  });
  afterAll(async () => {
    await influx[Symbol.asyncDispose]();
    await directory.remove();
  });

  const backends = new WeakMap<Store, InfluxBackend>();
  describeStore({
    name: "influx",
    open: async (own, limits) => {
      const { store, backend } = await openInflux({ directory: own, url: influx.url, ...limits });
      backends.set(store, backend);
      return store;
    },
    rollUp: async (store) => backends.get(store)?.rollUp(),
  });

  it("is told from others by asking", async () => {
    await using own = await tempDir("store-");
    const store = await openStore({ directory: own.path, url: influx.url }, DEPS);
    await store.write([pointOf(freshName(), "n1", HOUR, 1)]);
    await eventually("all is delivered", () => store.health().spooledPoints === 0);
    expect(store.traits.kind).toBe("influx");
    expect(store.health().state).toBe("ok");
    await store[Symbol.asyncDispose]();
  });

  // What InfluxDB 2 and 3 share with 1, as far as 1 can show it.
  describeStore({
    name: "influx by the endpoints that later versions share",
    open: async (own, limits) => {
      await fetch(`${influx.url}/query?q=CREATE+DATABASE+later`, { method: "POST" });
      const url = `influx2+${influx.url}/later`;
      return openStore({ directory: own, url, ...limits }, DEPS);
    },
  });
});

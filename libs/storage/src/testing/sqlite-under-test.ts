import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openStorage } from "../open-storage.js";
import type { StorageUnderTest } from "./storage-under-test.js";

export const underTest: StorageUnderTest = {
  name: "SQLite",
  module: import.meta.url,
  limitsSize: true,
  keepsNul: true,
  create: async () => join(await mkdtemp(join(tmpdir(), "outrider-storage-")), "store.db"),
  open: (file, migrations, limits) => openStorage({ file, migrations, ...limits }),
  remove: (file) => rm(dirname(file), { recursive: true, force: true }),
};

/** With one thread for reads and writes. */
export const oneThreadUnderTest: StorageUnderTest = {
  ...underTest,
  name: "SQLite in one thread",
  open: (file, migrations, limits) => openStorage({ file, migrations, oneThread: true, ...limits }),
};

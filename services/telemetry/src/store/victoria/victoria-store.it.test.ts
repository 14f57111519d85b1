import { join } from "node:path";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterAll, beforeAll, describe } from "vitest";
import { openStore } from "../open-store.js";
import { hasVictoria, startVictoria, type TestDatabase } from "../testing/databases.js";
import { DEPS } from "../testing/quiet.js";
import { describeStore } from "../testing/store-suite.js";

describe.runIf(hasVictoria())("VictoriaMetrics", () => {
  let directory: TempDir;
  let victoria: TestDatabase;
  beforeAll(async () => {
    directory = await tempDir("victoria-");
    victoria = await startVictoria(join(directory.path, "data"));
  });
  afterAll(async () => {
    await victoria[Symbol.asyncDispose]();
    await directory.remove();
  });

  describeStore({
    name: "victoria",
    open: (own, limits) => openStore({ directory: own, url: victoria.url, ...limits }, DEPS),
  });
});

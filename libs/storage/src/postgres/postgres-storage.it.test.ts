import { afterAll, describe } from "vitest";
import { hasPostgres } from "@outrider/testing/postgres";
import { endTestServer, underTest } from "../testing/postgres-under-test.js";
import { storageSuite } from "../testing/storage-suite.js";

describe.skipIf(!hasPostgres())("with a real server", () => {
  afterAll(endTestServer);
  storageSuite(underTest);
});

import { startPostgres, type TestPostgres } from "@outrider/testing/postgres";
import { openStorage } from "../open-storage.js";
import type { StorageUnderTest } from "./storage-under-test.js";

let server: Promise<TestPostgres> | undefined;

/** The server of this process, started when it is first needed. */
export function testServer(): Promise<TestPostgres> {
  server ??= startPostgres();
  return server;
}

export async function endTestServer(): Promise<void> {
  await (await server)?.[Symbol.asyncDispose]();
  server = undefined;
}

export const underTest: StorageUnderTest = {
  name: "PostgreSQL",
  module: import.meta.url,
  limitsSize: false,
  keepsNul: false,
  create: async () => (await testServer()).database(),
  open: (url, migrations, limits) =>
    openStorage({ url, migrations, readonly: limits?.readonly ?? false }),
  // With its server.
  remove: () => Promise.resolve(),
};

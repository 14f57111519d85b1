import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { eventually } from "@outrider/testing/eventually";
import { tempDir } from "@outrider/testing/temp-dir";
import { expect, it } from "vitest";
import { openStore } from "./open-store.js";
import { DEPS } from "./testing/quiet.js";
import { HOUR, pointOf } from "./testing/store-suite.js";

it("what is neither of the databases is said to be so, and what was measured waits", async () => {
  await using directory = await tempDir("asked-");
  const server = createServer((_, answer) => answer.end("hello"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://me:secret@127.0.0.1:${port}`;
  const store = await openStore({ directory: directory.path, url }, DEPS);
  await store.write([pointOf("m", "n1", HOUR, 1)]);
  await eventually("it is told", () => store.health().state === "degraded");
  expect(store.health()).toMatchObject({
    detail: expect.stringMatching(/neither InfluxDB nor VictoriaMetrics.*OUTRIDER_INFLUX_URL/),
    spooledPoints: 1,
  });
  expect(store.health().detail).not.toContain("secret");
  const query = { measurement: "m", fromMs: 0, toMs: 1, everyMs: 0 };
  const asked = store.range(query, AbortSignal.timeout(10_000));
  await expect(asked).rejects.toMatchObject({ code: "unavailable" });
  await store[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

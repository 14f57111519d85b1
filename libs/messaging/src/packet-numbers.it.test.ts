import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { startTestBroker } from "@outrider/testing/broker";
import { within } from "@outrider/testing/eventually";
import { expect, test } from "vitest";
import { Session } from "./session.js";

test("no buffers are kept for all numbers that a packet could have", async () => {
  const library = createRequire(fileURLToPath(import.meta.resolve("mqtt")));
  const { writeToStream } = library("mqtt-packet") as {
    readonly writeToStream: { readonly cacheNumbers: boolean };
  };
  expect(writeToStream.cacheNumbers).toBe(true);
  await using broker = await startTestBroker();
  const session = new Session({ url: broker.url, clientId: "one" });
  session.start();
  await session.ready(within());
  expect(writeToStream.cacheNumbers).toBe(false);
  await session.stop();
});

import { searchAudit, verifyAudit } from "@outrider/contracts/audit";
import { acknowledgeAlarm } from "@outrider/contracts/telemetry-operations";
import { silentLog } from "@outrider/messaging/log";
import { RequestClient } from "@outrider/messaging/request-client";
import { Session } from "@outrider/messaging/session";
import { startTestBroker } from "@outrider/testing/broker";
import { eventually } from "@outrider/testing/eventually";
import { tempDir } from "@outrider/testing/temp-dir";
import { expect, it } from "vitest";
import { startTelemetryService } from "./start.js";

it("lets its audit log be searched and verified as every service that acts does (P20)", async () => {
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(await startTestBroker());
  const folder = stack.use(await tempDir("tel-"));
  const service = await startTelemetryService(
    { mqttUrl: broker.url, dataDirectory: folder.path },
    {
      log: silentLog,
      defect: (error) => {
        throw error;
      },
    },
  );
  stack.defer(() => service.stop());
  const session = new Session({ url: broker.url, clientId: "gateway" });
  stack.defer(() => session.stop());
  const client = new RequestClient(session, "gateway");
  session.start();
  const anna = { actor: "person:anna", via: "cli" } as const;
  const verdict = await eventually("it answers", () =>
    client.ask(verifyAudit.telemetry, {}, anna).catch(() => undefined),
  );
  expect(verdict).toMatchObject({ log: "telemetry", intact: true });
  const alarm = { subject: "node:n1", id: "silent", comment: "on my way" };
  await expect(client.ask(acknowledgeAlarm, alarm, anna)).rejects.toMatchObject({
    code: "not-found",
  });
  const { records } = await client.ask(searchAudit.telemetry, {}, anna);
  expect(records).toMatchObject([
    { actor: "person:anna", act: "alarm.acknowledge", subject: "node:n1", reason: "on my way" },
  ]);
});

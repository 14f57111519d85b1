import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { agentStatus } from "@outrider/contracts/agent";
import { testOnAgent, type Tested } from "@outrider/contracts/agent-request";
import { systemClock } from "@outrider/contracts/clock";
import { AgentRequestClient } from "@outrider/messaging/agent-request-client";
import { startClockBeacon } from "@outrider/messaging/clock-beacon";
import { Session } from "@outrider/messaging/session";
import { eventually, within } from "@outrider/testing/eventually";
import { expect, it } from "vitest";
import { AGENT, Stage } from "./testing/stage.js";

it("what a test of an endpoint asks a person to put on the host counts in the next test, without a restart", async () => {
  await using stage = await Stage.start();
  const asker = new Session({ url: stage.broker.url, clientId: "service-inventory" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => asker.stop());
  const beacon = startClockBeacon(asker, "inventory", systemClock);
  stack.defer(() => beacon.stop());
  let epoch: string | undefined;
  asker.subscribe(agentStatus, { agent: AGENT }, ({ payload }) => {
    beacon.tell();
    epoch = payload.epoch;
  });
  asker.start();
  await asker.ready(within());
  await stage.startAgent();

  const home = join(stage.dir.path, `agent-${AGENT}`);
  const secret = join(home, "secrets", "outlet");
  const desired = stage.desired(1);
  await stage.configureEndpoints([
    {
      ...desired,
      driver: "command",
      options: { on: ["outlet"], off: ["outlet"], status: ["outlet"], secret: { file: secret } },
    },
  ]);
  const client = new AgentRequestClient(asker, "inventory", beacon);
  const test = async (): Promise<Tested> => {
    await eventually("the agent has heard the clock", () => epoch === stage.description?.epoch);
    const { endpoint } = desired;
    const who = { actor: "person:ada", via: "cli", epoch, withinMs: 60_000 } as const;
    return client.ask(AGENT, testOnAgent, { endpoint }, who);
  };
  const failsWith = (why: string) => ({
    ok: false,
    findings: [
      { ok: false, what: expect.stringContaining(why) as string },
      { ok: true, what: expect.stringContaining("tried again") as string },
    ],
  });
  expect(await test()).toMatchObject(failsWith("There is no program outlet"));

  await mkdir(join(home, "commands"), { mode: 0o755 });
  await mkdir(join(home, "secrets"), { recursive: true, mode: 0o700 });
  // On only with the secret that counts.
  const script = '#!/bin/sh\n[ "$OUTRIDER_SECRET" = hunter2 ] || exit 1\n';
  // Whole when it is there: a file that is open for writing cannot be run.
  await writeFile(join(home, "outlet.new"), script, { mode: 0o755 });
  await rename(join(home, "outlet.new"), join(home, "commands", "outlet"));
  expect(await test()).toMatchObject(failsWith("There is no such file on the agent's host"));

  await writeFile(secret, "hunter1\n", { mode: 0o600 });
  expect(JSON.stringify(await test())).toContain("supply Off");
  await writeFile(secret, "hunter2\n", { mode: 0o600 });
  expect(JSON.stringify(await test())).toContain("supply On");
  await eventually(
    "it is described as open",
    () => stage.description?.endpoints[0]?.state === "bound",
  );
});

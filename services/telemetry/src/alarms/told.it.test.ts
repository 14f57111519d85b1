import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { consoleState, type ConsoleStage } from "@outrider/contracts/console";
import { nodeId } from "@outrider/contracts/ids";
import { serviceStatus, type ServiceStatus } from "@outrider/contracts/service";
import { DEFAULT_ALARMS, telemetryPolicy } from "@outrider/contracts/telemetry-policy";
import type { AlarmRecords, LoggedEvents } from "@outrider/contracts/telemetry-pages";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Message, ToldAlarm } from "../notify/message.js";
import { policyOf } from "../testing/engine-stage.js";
import { TelemetryStage } from "../testing/telemetry-stage.js";

/** Each try of a test has a node of its own. */
const NODES = Array.from({ length: 8 }, (_, index) => nodeId(`n${index + 1}`));

describe("people are told by a channel, with the product's rules,", () => {
  let stage: TelemetryStage;
  let hook: Server;
  const left = [...NODES];
  const messages: Message[] = [];

  beforeAll(async () => {
    hook = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        messages.push(JSON.parse(Buffer.concat(chunks).toString()) as Message);
        response.writeHead(204).end();
      });
    });
    hook.listen(0, "127.0.0.1");
    await once(hook, "listening");
    const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/alarms`;
    stage = await TelemetryStage.start(NODES);
    await stage.service.kill("SIGTERM");
    await stage.startService({ OUTRIDER_WEBHOOK_ALLOW: "127.0.0.0/8" });
    stage.inventory.retain(
      telemetryPolicy,
      {},
      {
        // With less patience.
        ...policyOf({
          "supply-unknown": { ...DEFAULT_ALARMS["supply-unknown"], forMs: 500 },
          "service-away": { ...DEFAULT_ALARMS["service-away"], forMs: 500 },
        }),
        nodes: Object.fromEntries(NODES.map((node) => [node, 0])),
        notifications: {
          channels: { hook: { webhook: { url } } },
          routes: { all: { channels: ["hook"], severity: "Warning" } },
          groupWithinMs: 100,
          repeatAfterMs: 0,
        },
      },
    );
  });
  afterAll(async () => {
    hook?.close();
    await stage?.[Symbol.asyncDispose]();
  });

  const told = (kind: Message["kind"], subject: string, id: string): Promise<ToldAlarm> =>
    eventually(`${subject} ${id} is told as ${kind}`, () =>
      messages
        .filter((message) => message.kind === kind)
        .flatMap(({ alarms }) => alarms)
        .find((alarm) => alarm.subject === subject && alarm.id === id),
    );
  const standing = async (subject: string): Promise<string[]> => {
    const asked = { state: "active", limit: 100 };
    const { alarms } = await stage.page<AlarmRecords>("alarms", asked);
    return alarms.filter((one) => one.subject === subject).map(({ id }) => id);
  };
  const shows = (node: string, value: ConsoleStage): void => {
    const now = new Date().toISOString();
    stage.console.retain(
      consoleState,
      { node },
      {
        link: { value: "Up", since: now },
        stage: { value, since: now },
        viewers: 0,
        observedAt: now,
        staleAfterMs: 90_000,
      },
    );
  };
  /** As a device that can tell says it. */
  const halted = (problem?: string): void => {
    const now = new Date().toISOString();
    const seen = {
      evidence: "ReadBack",
      since: now,
      observedAt: now,
      staleAfterMs: 60_000,
    } as const;
    stage.supplies(node, {
      host: { value: "Halted", ...seen },
      ...(problem === undefined ? {} : { problem }),
    });
  };
  let node = "";
  /** Its supply has been on for a while. */
  const runs = (): void => {
    const now = new Date().toISOString();
    const since = new Date(Date.now() - 60_000).toISOString();
    const seen = { evidence: "ReadBack", since, observedAt: now, staleAfterMs: 60_000 } as const;
    stage.supplies(node, { supply: { value: "On", ...seen } });
  };
  const next = (): string => (node = left.shift() ?? "");

  it("that a machine has panicked, as its device says it, and that it runs again", async () => {
    const subject = `node:${next()}`;
    runs();
    halted("The host panicked.");
    const { severity, message } = await told("raised", subject, "panic");
    expect(severity).toBe("Critical");
    expect(message).toContain("The host panicked.");
    await eventually("its health says it", () => {
      const last = stage.statuses.findLast((one) => one.node === node);
      return last?.payload.health === "Critical";
    });
    runs();
    await told("resolved", subject, "panic");
    expect(await standing(subject)).not.toContain("panic");
  });

  it("that a machine has panicked, as its console shows, until it starts anew", async () => {
    const subject = `node:${next()}`;
    runs();
    shows(node, "login");
    shows(node, "panic");
    expect((await told("raised", subject, "panic")).message).toContain("console");
    shows(node, "firmware");
    await told("resolved", subject, "panic");
  });

  it("that a device does not say whether there is supply, in its own words, and that it does again", async () => {
    const subject = `node:${next()}`;
    runs();
    const now = new Date().toISOString();
    const seen = {
      evidence: "Assumed",
      since: now,
      observedAt: now,
      staleAfterMs: 60_000,
    } as const;
    const problem = "The switch at 10.0.0.2 did not answer. Check its power.";
    stage.supplies(node, {
      supply: { value: "Unknown", ...seen },
      host: { value: "Unknown", ...seen },
      problem,
    });
    const { severity, message } = await told("raised", subject, "supply-unknown");
    expect({ severity, message }).toEqual({
      severity: "Warning",
      message: `it is not known for 1 s whether it has supply: ${problem}`,
    });
    runs();
    await told("resolved", subject, "supply-unknown");
  });

  it("that a service is away, which is written down, and that it is back", async () => {
    // Each try is of another start of it.
    const instance = `i-${next()}`;
    const is = (state: ServiceStatus["state"]): void =>
      stage.power.retain(
        serviceStatus,
        { service: "power" },
        { state, instance, version: "0", startedAt: new Date().toISOString() },
      );
    const logged = async (): Promise<string[]> => {
      const asked = { kinds: ["service-lost", "service-ready"], limit: 100 };
      const { events } = await stage.page<LoggedEvents>("events", asked);
      return events
        .filter(
          ({ subject, data }) => subject === "service:power" && data?.["instance"] === instance,
        )
        .map(({ kind }) => kind);
    };
    messages.length = 0;
    is("ready");
    await eventually("it is written down", async () => (await logged()).length === 1);
    is("lost");
    const { severity, message } = await told("raised", "service:power", "service-away");
    expect(severity).toBe("Critical");
    expect(message).toContain("nothing can be switched");
    is("ready");
    await told("resolved", "service:power", "service-away");
    await eventually("all is written down", async () => (await logged()).length === 3);
    expect((await logged()).toReversed()).toEqual([
      "service-ready",
      "service-lost",
      "service-ready",
    ]);
  });
});

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { consolePolicies } from "@outrider/contracts/console";
import { MemoryLine } from "@outrider/console-link/testing/memory-line";
import { MemorySource } from "@outrider/console-link/testing/memory-source";
import { listSessions } from "@outrider/contracts/console-operations";
import { searchAudit } from "@outrider/contracts/audit";
import { agentId, nodeId } from "@outrider/contracts/ids";
import { nodeDescription } from "@outrider/contracts/node";
import { eventually, within } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { defaultPolicy } from "./state/declared-consoles.js";
import { ConsoleStage, nodesFor } from "./testing/console-stage.js";

const AS = { actor: "person:root", via: "rest" } as const;

describe("the console service", () => {
  let stage: ConsoleStage;
  const here = () => ({ nodes: [nodeId(stage.current)] });

  beforeAll(async () => {
    stage = await ConsoleStage.start(nodesFor(7), { breakSequences: { sun: "\\d+++\\b" } });
  });
  beforeEach(() => stage.turn());
  afterAll(() => stage.stop());

  it("shows what a machine says to everybody, and types what one of them types", async () => {
    const ada = await stage.attach("person:ada", { way: "cli" });
    const bob = await stage.attach("person:bob");
    expect(await ada.hears("attached")).toMatchObject({ writes: true, link: { value: "Up" } });
    expect(await bob.hears("attached", /person:ada .* types/)).toMatchObject({ writes: false });
    stage.say("login: ");
    await ada.sees("login: ");
    await bob.sees("login: ");
    ada.type("root\r");
    bob.type("nothing");
    await bob.hears("notice", /you look on/);
    await eventually("it is typed", () => stage.typed() === "root\r");
    const { sessions } = await stage.asking.ask(listSessions, here(), AS);
    expect(sessions).toMatchObject([
      { actor: "person:ada", node: stage.current, writes: true, way: "cli", from: "192.0.2.7" },
      { actor: "person:bob", writes: false, way: "web" },
    ]);
    await eventually("the state says who types", () => {
      const { state } = stage;
      return state?.writer?.actor === "person:ada" && state.viewers === 1;
    });
  });

  it("lets somebody take a console, tells who lost it by whom, and frees it when they are gone", async () => {
    const ada = await stage.attach("person:ada");
    await ada.hears("attached");
    const bob = await stage.attach("person:bob", { mode: "take", way: "cli" });
    expect(await bob.hears("attached")).toMatchObject({ writes: true });
    expect(
      await ada.hears("mode", /person:bob \(cli, from 192\.0\.2\.7\) has taken/),
    ).toMatchObject({ writes: false });
    expect(await ada.ask({ ask: "write" })).toMatchObject({ told: "refused", code: "busy" });
    bob.socket.terminate();
    await ada.hears("notice", /nobody types/);
    expect(await ada.ask({ ask: "write" })).toMatchObject({ told: "done" });
    await eventually("an event tells it", () =>
      stage.events.some(({ kind, node }) => kind === "console-taken" && node === stage.current),
    );
  });

  it("does what is asked of the machine, and writes it down before (P20)", async () => {
    const ada = await stage.attach("person:ada");
    const bob = await stage.attach("person:bob", { mode: "spy" });
    expect(await bob.ask({ ask: "break" })).toMatchObject({
      told: "refused",
      code: "not-writing",
    });
    expect(await ada.ask({ ask: "break" })).toMatchObject({ told: "done" });
    expect(await ada.ask({ ask: "break", name: "sun" })).toMatchObject({ told: "done" });
    expect(await ada.ask({ ask: "break", name: "nosuch" })).toMatchObject({ code: "not-found" });
    expect(await ada.ask({ ask: "sysrq", keys: ["sync"] })).toMatchObject({ told: "done" });
    expect(await ada.ask({ ask: "pulse", line: "dtr", ms: 10 })).toMatchObject({ told: "done" });
    expect(await ada.ask({ ask: "line", settings: "9600,7e1" })).toMatchObject({ told: "done" });
    expect(stage.line().taken).toEqual([
      { kind: "break", ms: 250 },
      "+++",
      { kind: "break", ms: 250 },
      { kind: "break", ms: 250 },
      "s",
      { kind: "pulse", line: "dtr", ms: 10 },
      {
        kind: "line",
        settings: {
          baudRate: 9600,
          dataBits: 7,
          parity: "even",
          stopBits: 1,
          flowControl: "none",
        },
      },
    ]);
    const { records } = await stage.asking.ask(searchAudit.console, { subject: stage.current }, AS);
    expect(records.toReversed().map(({ act, actor, stage: at }) => [act, actor, at])).toEqual([
      ["console.attach", "person:ada", "intent"],
      ["console.attach", "person:bob", "intent"],
      ["console.break", "person:ada", "intent"],
      ["console.break", "person:ada", "intent"],
      ["console.sysrq", "person:ada", "intent"],
      ["console.pulse", "person:ada", "intent"],
      ["console.line", "person:ada", "intent"],
    ]);
  });

  it("replays the past and goes on with the present, without hole or double", async () => {
    for (let line = 1; line <= 500; line += 1) stage.say(`line ${line}\r\n`);
    const first = await stage.attach("person:ada", { replay: "lines:500" });
    await first.hears("live");
    let said = 500;
    const clients = [first];
    for (let round = 0; round < 20; round += 1) {
      const client = stage.attach("person:bob", { replay: "lines:1000", mode: "spy" });
      for (let more = 0; more < 20; more += 1) stage.say(`line ${(said += 1)}\r\n`);
      clients.push(await client);
    }
    for (const client of clients) {
      await client.sees(`line ${said}\r\n`);
      const lines = client.text.match(/line \d+/g) ?? [];
      const numbers = lines.map((one) => Number(one.slice(5)));
      expect(numbers).toEqual(
        Array.from({ length: numbers.length }, (_, index) => said - numbers.length + 1 + index),
      );
    }
    expect(first.text.startsWith("line 1\r\n")).toBe(true);
  });

  it("answers clearly while agent or device are away, and goes on when they are back", async () => {
    const ada = await stage.attach("person:ada");
    await ada.hears("attached");
    stage.line().change({ up: false, detail: "the adapter is unplugged", abilities: [] });
    await ada.hears("link", /unplugged/);
    ada.type("x");
    await ada.hears("notice", /cannot be reached: the adapter is unplugged; what you typed/);
    await stage.agent.stop();
    await ada.hears("link", /rack-a is not connected/);
    await stage.startAgent();
    await ada.hears("link", /reached again/);
    stage.say("back\r\n");
    await ada.sees("back");
    expect(stage.typed()).toBe("");
  });

  it("holds nothing against a console that the site gives to another agent, and listens to it no more", async () => {
    stage.describe(stage.current, "rack-b");
    await eventually("it is let go", () => stage.state?.link.value === "Unknown");
    stage.say("not for you");
    stage.describe(stage.current);
    await eventually("it is taken up again", () => stage.state?.link.value === "Up");
    const log = await stage.get(`/consoles/${stage.current}/log?format=raw`);
    expect(await log.text()).toBe("not for you");
  });

  it("serves logs, boots, screens and searches to the gateway", async () => {
    stage.say("U-Boot 2024.01\r\n\u001b[2J\u001b[31mred\u001b[0m at home\r\n");
    const mine = `/consoles/${stage.current}`;
    await eventually("the log has it", async () =>
      (await (await stage.get(`${mine}/log?format=raw`)).text()).includes("at home"),
    );
    const screen = (await (await stage.get(`${mine}/screen`)).json()) as {
      text: string;
      ansi: string;
      columns: number;
    };
    expect(screen.columns).toBe(80);
    expect(screen.text).toContain("red at home");
    expect(screen.ansi).toContain("\u001b[0;38;5;1mred");
    const found = await stage.get(`/search?q=at%20home&nodes=${stage.current}`);
    expect(JSON.parse(await found.text())).toMatchObject({ node: stage.current });
    expect((await stage.get("/search?regex=(")).status).toBe(422);
    expect((await stage.get("/consoles/n99/log")).status).toBe(404);
    expect((await stage.get(`${mine}/log?lines=x`)).status).toBe(422);
  });
});

describe("the console service’s neighbours going away (P8)", () => {
  let stage: ConsoleStage;

  beforeEach(async () => {
    stage = await ConsoleStage.start(["n1"]);
  });
  afterEach(() => stage.stop());

  it("loses no byte when it is killed, and none while it is away", async () => {
    let sent = "";
    for (let round = 0; round < 4; round += 1) {
      for (let line = 0; line < 200; line += 1) {
        const text = `round ${round} line ${line} ${"x".repeat(line)}\r\n`;
        sent += text;
        stage.say(text);
      }
      await stage.service.kill("SIGKILL");
      const away = `said while it was away ${round}\r\n`;
      sent += away;
      stage.say(away);
      await stage.agent.stop();
      await stage.startService();
      await stage.startAgent();
    }
    await eventually("everything is in the log", async () => {
      const log = await stage.get("/consoles/n1/log?format=raw");
      return (await log.text()) === sent;
    });
  });

  it("says what an agent has and the site does not once the site was heard, and nothing that is not so", async () => {
    await stage.agent.stop();
    await stage.service.kill();
    for (const end of ["", "-wal", "-shm"]) {
      await rm(join(stage.data.path, `console.sqlite${end}`), { force: true });
    }
    stage.inventory.retain(nodeDescription, { node: "n1" }, undefined);
    stage.inventory.retain(consolePolicies, {}, undefined);
    stage.states.clear();
    await stage.startService();
    const before = stage.agent;
    const back = stage.startAgent();
    await eventually("the agent has begun", () => stage.agent !== before);
    const alien = new MemoryLine("n9", new MemorySource("s-n9"));
    stage.agent.add(alien);
    await eventually("both are announced", async () => {
      const page = await (await stage.get("/metrics")).text();
      return /console_unclaimed\S* 2/.test(page);
    });
    stage.describe("n1");
    stage.declare({});
    await back;
    const warned = (): { node: string }[] =>
      stage.service
        .stderr()
        .split("\n")
        .filter((line) => line.includes("does not declare as its own"))
        .map((line) => JSON.parse(line) as { node: string });
    await eventually("it is said", () => warned().length > 0);
    expect(warned().map(({ node }) => node)).toEqual(["n9"]);
  });

  it("has its ports, and what else the site said, also when it was started without the broker", async () => {
    const rawPort = await freePort();
    const policy = { ...defaultPolicy(agentId("rack-a"), "tcp"), rawPort };
    stage.inventory.retain(consolePolicies, {}, { nodes: { n1: policy }, rules: {} });
    const opened = (): Promise<Socket> =>
      eventually("its port is open", async () => {
        const socket = connect(rawPort, "127.0.0.1");
        return once(socket, "connect", { signal: within() }).then(
          () => socket,
          () => undefined,
        );
      });
    (await opened()).destroy();
    await stage.agent.stop();
    await stage.broker.kill();
    await stage.service.kill("SIGKILL");
    await stage.startService();
    stage.states.clear();
    const raw = await opened();
    let seen = "";
    raw.on("data", (chunk) => (seen += chunk.toString("latin1")));
    const back = stage.startAgent();
    stage.say("without the broker\r\n");
    await eventually("it is seen", () => seen.includes("without the broker"));
    raw.destroy();
    await stage.broker.restart();
    await back;
  });

  it("goes on without the broker, also when it was started without", async () => {
    const ada = await stage.attach("person:ada");
    await ada.hears("attached");
    await stage.broker.kill();
    stage.say("one\r\n");
    await ada.sees("one");
    ada.type("ls\r");
    await eventually("it is typed", () => stage.typed() === "ls\r");
    await stage.agent.stop();
    await stage.service.kill();
    await stage.startService();
    stage.states.clear();
    const back = stage.startAgent();
    stage.say("two\r\n");
    await stage.broker.restart();
    await back;
    await eventually("everything is in the log", async () => {
      const log = await stage.get("/consoles/n1/log?format=raw");
      return (await log.text()) === "one\r\ntwo\r\n";
    });
  });
});

import { actOnConsole, endSession, listSessions } from "@outrider/contracts/console-operations";
import { searchAudit, verifyAudit } from "@outrider/contracts/audit";
import { commandNode } from "@outrider/contracts/transition";
import { nodeId } from "@outrider/contracts/ids";
import { openIdentity } from "@outrider/identity/open-identity";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { ConsoleStage, nodesFor } from "./testing/console-stage.js";

const AS = { actor: "person:root", via: "rest" } as const;
const ESC = "\u001b";

describe("people at a console", () => {
  let stage: ConsoleStage;

  const here = () => ({ nodes: [nodeId(stage.current)] });

  beforeAll(async () => {
    const many = Array.from({ length: 15 }, (_, at) => [
      `many-${String(at).padStart(2, "0")}`,
      "\\b",
    ]);
    const breakSequences = { ...Object.fromEntries(many), "last-of-many": "\\b" };
    stage = await ConsoleStage.start(nodesFor(13), {
      pasteLineMs: 20,
      writerIdleMs: 0,
      breakSequences,
    });
  });
  beforeEach(() => stage.turn());
  afterAll(() => stage.stop());

  it("see nothing that reaches beyond their screen, and only who types is asked by the machine (P13)", async () => {
    const ada = await stage.attach("person:ada");
    const bob = await stage.attach("person:bob", { mode: "spy" });
    const raw = await stage.attach("person:program", { mode: "spy", raw: "true" });
    const said = `a${ESC}]52;c;ZXZpbA==\u0007b${ESC}[6nc${ESC}]0;title${ESC}\\d${ESC}P+q544e${ESC}\\e\r\n`;
    for (const one of [ada, bob, raw]) await one.hears("attached");
    stage.say(said);
    await raw.sees("e\r\n");
    await ada.sees("e\r\n");
    await bob.sees("e\r\n");
    expect(raw.text).toBe(said);
    expect(ada.text).toBe(`ab${ESC}[6ncde\r\n`);
    expect(bob.text).toBe("abcde\r\n");
    const late = await stage.attach("person:late", { replay: "lines:10", mode: "spy" });
    await late.sees("abcde\r\n");
    expect(late.text).not.toContain(ESC);
  });

  it("are not slowed by one who reads nothing, who is told what was left out", async () => {
    const frozen = await stage.attach("person:frozen", { mode: "spy" });
    const ada = await stage.attach("person:ada");
    await frozen.hears("attached");
    await ada.hears("attached");
    frozen.socket.pause();
    const line = `${"x".repeat(1022)}\r\n`;
    const rounds = 16_000;
    for (let n = 0; n < rounds; n += 1) {
      stage.say(line);
      // The agent reads a wire, which gives way to others.
      if (n % 200 === 0) await new Promise(setImmediate);
    }
    stage.say("end of it\r\n");
    await ada.sees("end of it");
    expect(ada.tolds.filter(({ told }) => told === "skipped")).toEqual([]);
    expect(ada.bytes.length).toBe(rounds * line.length + "end of it\r\n".length);
    const { sessions } = await stage.asking.ask(listSessions, here(), AS);
    const slow = sessions.find(({ actor }) => actor === "person:frozen");
    expect(slow?.skippedBytes).toBeGreaterThan(1_000_000);
    frozen.socket.resume();
    const told = await frozen.hears("skipped");
    expect(told.bytes).toBe(slow?.skippedBytes);
    stage.say("later\r\n");
    await frozen.sees("later");
  });

  it("are 32 and more, and all see the same", async () => {
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, index) => stage.attach(`person:p${index}`)),
    );
    for (const one of all) await one.hears("attached");
    stage.say("hello, all\r\n");
    for (const one of all) await one.sees("hello, all\r\n");
    const { sessions, total } = await stage.asking.ask(listSessions, here(), AS);
    expect(total).toBe(40);
    expect(sessions.filter(({ writes }) => writes)).toHaveLength(1);
  });

  it("paste at a pace, and ^C ends it", async () => {
    const ada = await stage.attach("person:ada");
    const pasted = await ada.ask({ ask: "paste", text: "one\ntwo\nthree" });
    expect(pasted).toMatchObject({ told: "done", text: "13 bytes were pasted" });
    expect(stage.line().taken).toEqual(["one\r", "two\r", "three"]);
    const long = ada.ask({ ask: "paste", text: "again\n".repeat(5000) });
    await eventually("it begins", () => stage.typed().includes("again"));
    expect(await ada.ask({ ask: "paste", text: "x" })).toMatchObject({ code: "busy" });
    ada.type("\u0003");
    expect(await long).toMatchObject({ told: "refused", code: "aborted" });
    expect(stage.typed().endsWith("\u0003")).toBe(true);
    expect(stage.typed().length).toBeLessThan(20_000);
    // What is pasted into a terminal comes as if typed, in large pieces.
    const before = stage.line().taken.length;
    ada.type("typed at a terminal\r".repeat(3));
    await eventually("it is typed", () => stage.line().taken.length === before + 3);
    ada.type("and again\r".repeat(5000));
    await eventually("it begins", () => stage.typed().includes("and again"));
    ada.type("\u0003");
    await eventually("it ends", () => stage.typed().endsWith("\u0003"));
    expect(stage.typed().split("and again").length).toBeLessThan(4000);
  });

  it("lose what they may no longer do at once", async () => {
    await using identity = await openIdentity({ dataDirectory: stage.data.path });
    const { people } = identity.store;
    await stage.know("root");
    // Nobody else, and no other try, is called so.
    const [name, other] = [`eve-at-${stage.current}`, `gone-at-${stage.current}`];
    await stage.know(name);
    await people.change(name, { role: "operator" });
    const outside = await stage.attach(`person:${name}`, { mode: "spy" });
    await outside.hears("attached");
    await people.change(name, { nodes: "n99" });
    await outside.hears("bye", /is not among/);
    await people.change(name, { nodes: null });
    const eve = await eventually("she is let in again", async () => {
      const client = await stage.attach(`person:${name}`);
      const first = await eventually("she is answered", () => client.tolds[0]);
      return first.told === "attached" ? client : undefined;
    });
    await people.change(name, { role: "viewer", rights: ["console-read"] });
    await eve.hears("mode", /console-write/);
    expect(await eve.ask({ ask: "write" })).toMatchObject({ code: "not-allowed" });
    await people.change(name, { disabled: true });
    await eve.hears("bye");
    // Nothing of a person who is not there any more is left in what they were admitted with.
    const gone = await stage.attach(`person:${other}`, { mode: "spy" });
    await gone.hears("attached");
    await people.remove(other);
    await gone.hears("bye", /no rights any more/);
    const again = await stage.attach(`person:${other}`, { known: false });
    expect(await again.hears("bye")).toMatchObject({ code: "not-found" });
  });

  it("are refused with a reason: no right, no such node, no console", async () => {
    const cases = [
      [{ rights: ["read"] as const }, "not-allowed"],
      [{ rights: ["read", "console-read"] as const, mode: "take" }, "not-allowed"],
      [{ node: "n77" }, "no-console"],
      [{ nodes: ["n99"] }, "not-found"],
    ] as const;
    // Nobody else, and no other try, is called so.
    const actor = `person:mallory-at-${stage.current}`;
    for (const [settings, code] of cases) {
      const client = await stage.attach(actor, settings);
      expect(await client.hears("bye")).toMatchObject({ code });
      await eventually("it is closed", () => client.closed);
    }
    const { records } = await stage.asking.ask(
      searchAudit.console,
      { act: "console.attach", actor },
      AS,
    );
    expect(records.map(({ stage: at, data }) => [at, data?.["refused"]])).toEqual([
      ["outcome", "not-allowed"],
      ["outcome", "not-allowed"],
    ]);
  });

  it("are refused before anything is upgraded when the gateway does not say who asks (P14)", async () => {
    const wrong: Record<string, string>[] = [
      { "outrider-actor": "" },
      { "outrider-actor": "ada; drop" },
      { "outrider-subject": "{}" },
    ];
    for (const headers of wrong) {
      await expect(stage.attach("person:ada", { headers })).rejects.toThrow(/403/);
    }
    await expect(stage.attach("person:ada", { replay: "../x" })).rejects.toThrow(/422/);
  });

  it("who send what is no ask, or too much, are cut off cheaply (P19)", async () => {
    const ada = await stage.attach("person:ada");
    await ada.hears("attached");
    for (const text of ["{", "[]", '{"ask":"everything"}', '{"ask":"who","more":1}']) {
      ada.socket.send(text);
    }
    await eventually("each is refused", () => ada.tolds.filter((one) => one.code === "invalid")[3]);
    // Whoever waits for an answer by its number has one.
    ada.socket.send('{"ask":"everything","ref":77}');
    await eventually("it bears the number", () =>
      ada.tolds.some(
        ({ ref, told, code }) => ref === 77 && told === "refused" && code === "invalid",
      ),
    );
    ada.socket.send(Buffer.alloc(2_000_000));
    await eventually("it is closed", () => ada.closed?.code === 1009);
    const bob = await stage.attach("person:bob");
    for (let n = 0; n < 12; n += 1) bob.socket.send("x".repeat(1000));
    await eventually("it is closed", () => bob.closed?.code === 1008);
  });

  it("are told by whom they are disconnected, and act from outside only with who types agreeing or losing", async () => {
    const ada = await stage.attach("person:ada");
    await ada.hears("attached");
    const act = { ask: "break" } as const;
    await expect(
      stage.asking.ask(actOnConsole, { node: nodeId(stage.current), act }, AS),
    ).rejects.toThrow(/person:ada types/);
    await stage.asking.ask(actOnConsole, { node: nodeId(stage.current), act, take: true }, AS);
    await ada.hears("mode", /person:root does something here/);
    expect(stage.line().taken).toEqual([{ kind: "break", ms: 250 }]);
    const { sessions } = await stage.asking.ask(listSessions, here(), AS);
    const session = sessions[0]?.id as never;
    await stage.asking.ask(endSession, { session, reason: "maintenance" }, AS);
    expect(await ada.hears("bye", /person:root has disconnected you: maintenance/)).toMatchObject({
      code: "disconnected",
    });
    const verdict = await stage.asking.ask(verifyAudit.console, {}, AS);
    expect(verdict.intact).toBe(true);
  });

  it("switch power in their own name, if they may", async () => {
    const power = stage.session("power");
    onTestFinished(() => power.stop());
    const asked: unknown[] = [];
    const { serviceRequest, serviceReply } = await import("@outrider/contracts/service-plane");
    power.subscribe(
      serviceRequest,
      { service: "power", operation: commandNode.name },
      async ({ payload: { id, client, actor, via, body } }) => {
        asked.push({ actor, via, body });
        const result = {
          id: "c1",
          seq: 0,
          status: "Accepted",
          terminal: false,
          actor,
          via,
          startedAt: new Date().toISOString(),
        };
        await power.publish(
          serviceReply,
          { service: "power", client, id },
          { id, body: { result } },
        );
      },
    );
    await power.ready(AbortSignal.timeout(20_000));
    const ada = await stage.attach("person:ada", { way: "cli", mode: "spy" });
    const done = await ada.ask({ ask: "power", action: "PowerCycle", text: "hung" });
    expect(done).toMatchObject({ told: "done", text: "PowerCycle: Accepted" });
    expect(asked).toMatchObject([
      {
        actor: "person:ada",
        via: "cli",
        body: { node: stage.current, set: { action: "PowerCycle", reason: "hung" } },
      },
    ]);
    const mallory = await stage.attach("person:mallory", { rights: ["read", "console-read"] });
    expect(await mallory.ask({ ask: "power", action: "ForceOff" })).toMatchObject({
      code: "not-allowed",
    });
  });

  it("type nothing more once they have lost the console, whatever still waited", async () => {
    const ada = await stage.attach("person:ada");
    const line = stage.line();
    const gate = Promise.withResolvers<void>();
    line.gate = gate.promise;
    for (let at = 0; at < 5; at += 1) ada.type("A".repeat(4096));
    // Said after what was typed, so all of that is there.
    await ada.ask({ ask: "who" });
    const bob = await stage.attach("person:bob", { mode: "take" });
    await ada.hears("mode", /has taken/);
    bob.type("BBBB");
    gate.resolve();
    await eventually("the one who types now is heard", () => typed(line).endsWith("BBBB"));
    await bob.ask({ ask: "break" });
    expect(typed(line).replaceAll("BBBB", "").length).toBeLessThanOrEqual(4096);
    expect(typed(line).endsWith("BBBB")).toBe(true);
  });

  it("have no byte of theirs taken for a SysRq key", async () => {
    const ada = await stage.attach("person:ada");
    const asked = ada.ask({ ask: "sysrq", keys: ["sync", "show-memory"] });
    const typing = setInterval(() => ada.type("b"), 10);
    expect(await asked).toMatchObject({ told: "done" });
    clearInterval(typing);
    const { taken } = stage.line();
    const keys = taken.flatMap((one, at) => (typeof one === "object" ? [taken[at + 1]] : []));
    expect(keys).toEqual(["s", "m"]);
  });

  it("at a terminal have the escape and what is told in lines of text", async () => {
    const ada = await stage.attach("person:ada", { escape: "^Ec", way: "cli" });
    await ada.sees(`[outrider: Machine ${stage.current}: you type — ^Ec? helps, ^Ec. leaves]\r\n`);
    stage.say("$ ");
    await ada.sees("$ ");
    ada.type("ls\u0005cl0");
    await ada.sees("[outrider: a break of 250 ms was sent]\r\n");
    expect(stage.line().taken).toEqual(["ls", { kind: "break", ms: 250 }]);
    // A command takes the place of a question, and no part of it goes to the machine.
    ada.type("\u0005cd");
    await ada.sees("turn DTR over? It may reset the machine. y/n] ");
    ada.type("\u0005cw");
    await ada.sees("person:ada types by cli from 192.0.2.7");
    expect(stage.line().taken).toHaveLength(2);
    ada.type("\u0005cqs\r");
    await ada.sees("SysRq sync was sent");
    ada.type("\u0005cq7\r");
    await ada.sees("SysRq loglevel-7 was sent");
    ada.type("\u0005cl:nothing\r");
    await ada.sees("there is no such sequence");
    ada.type("\u0005cl:last-of-many\r");
    await ada.sees("the break sequence last-of-many was sent");
    ada.type("\u0005cld");
    await ada.sees("the break sequence many-11 was sent");
    const bob = await stage.attach("person:bob", { escape: "^Ec", way: "cli", mode: "take" });
    await bob.sees("you type");
    await ada.sees("[outrider: person:bob (cli, from 192.0.2.7) has taken the console");
    ada.type("\u0005cb");
    await ada.sees("[outrider: message] ");
    ada.type("hands off\r");
    await bob.sees("[outrider: person:ada: hands off]");
    ada.type("\u0005c.");
    await ada.hears("bye", /you have left/);
    await eventually("it is closed", () => ada.closed?.reason === "left");
  });
});

function typed(line: { readonly taken: readonly unknown[] }): string {
  return line.taken.filter((one) => typeof one === "string").join("");
}

describe("people who do nothing", () => {
  it("stop typing, and then are disconnected, as the site says", async () => {
    const stage = await ConsoleStage.start(["n1"], { writerIdleMs: 1500, sessionIdleMs: 4000 });
    try {
      const ada = await stage.attach("person:ada");
      await ada.hears("mode", /you typed nothing for 1.5 s/);
      await ada.hears("bye", /nothing was typed/);
    } finally {
      await stage.stop();
    }
  });
});

describe("a second instance of the console service", () => {
  it("stands by and takes over, with the consoles as they are", async () => {
    const stage = await ConsoleStage.start(["n1"]);
    try {
      stage.say("before\r\n");
      const ada = await stage.attach("person:ada");
      await ada.hears("attached");
      const first = stage.service;
      const second = stage.startService({ OUTRIDER_STANDBY: "yes" });
      await first.kill("SIGTERM");
      expect(await ada.hears("bye")).toMatchObject({ code: "stopping" });
      await second;
      await stage.agent.stop();
      await stage.startAgent();
      stage.say("after\r\n");
      await eventually("the log goes on", async () => {
        const log = await stage.get("/consoles/n1/log?format=raw");
        return (await log.text()) === "before\r\nafter\r\n";
      });
    } finally {
      await stage.stop();
    }
  });
});

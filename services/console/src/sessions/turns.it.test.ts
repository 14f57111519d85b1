import type { ConsoleAsk } from "@outrider/contracts/console-attach";
import { StorageError } from "@outrider/storage/storage-error";
import { eventually } from "@outrider/testing/eventually";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OneConsole, Person } from "../testing/one-console.js";
import { MAX_PLACES } from "./console-parts.js";

const AS = { actor: "person:root", way: "cli" } as const;

let one: OneConsole;

beforeEach(async () => {
  one = await OneConsole.start({ nap: "\\d\\d\\d\\dx", twice: "\\b\\d\\d\\d\\d\\b" });
});
afterEach(() => one[Symbol.asyncDispose]());

/** Records wait until this is called. */
function hold(): () => void {
  const gate = Promise.withResolvers<void>();
  one.audit = gate.promise;
  return () => {
    one.audit = Promise.resolve();
    gate.resolve();
  };
}

const full = (): void => {
  one.audit = Promise.reject(new StorageError("full", "the disk is full"));
  one.audit.catch(() => undefined);
};

describe("what was asked for and is being written down", () => {
  const asks: ConsoleAsk[] = [
    { ask: "break" },
    { ask: "sysrq", keys: ["sync"] },
    { ask: "pulse", line: "dtr" },
    { ask: "line", settings: "9600" },
    { ask: "paste", text: "rm -r x" },
  ];

  it.each(asks)("is not done when the console was lost meanwhile: $ask (P20)", async (ask) => {
    const ada = await one.attach("ada");
    const bob = await one.attach("bob");
    const go = hold();
    const asked = ada.place.ask(ask);
    await eventually("it is being recorded", () => one.acts().includes(`console.${ask.ask}`));
    one.audit = Promise.resolve();
    await bob.place.ask({ ask: "take" });
    go();
    expect(await asked).toMatchObject({ told: "refused", code: "not-writing" });
    expect((await asked).text).toMatch(/not your turn any more.*person:bob/);
    expect(one.line.taken).toEqual([]);
    expect(one.records.at(-1)).toMatchObject({ stage: "outcome", data: { failed: "not-writing" } });
  });

  it("is not done when the right was taken away, or they were disconnected (P20)", async () => {
    const ada = await one.attach("ada");
    const go = hold();
    const asked = ada.place.ask({ ask: "break" });
    const powered = ada.place.ask({ ask: "power", action: "PowerCycle" });
    await eventually("both are being recorded", () => one.acts().includes("console.power"));
    ada.only("read", "console-read");
    go();
    expect(await asked).toMatchObject({ code: "not-allowed" });
    expect(await powered).toMatchObject({ code: "not-allowed" });
    const eve = await one.attach("eve", { mode: "spy" });
    const again = hold();
    const later = eve.place.ask({ ask: "power", action: "PowerCycle" });
    const other = eve.place.ask({ ask: "disconnect", session: ada.place.session });
    one.audit = Promise.resolve();
    one.console.leave(eve.place, "signed out", { code: "ended", text: "signed out" });
    again();
    expect(await later).toMatchObject({ code: "aborted" });
    expect(await other).toMatchObject({ code: "aborted" });
    expect(one.powered).toEqual([]);
    expect(one.line.taken).toEqual([]);
    expect(ada.heard("bye")).toBeUndefined();
  });
});

describe("what is under way when the console is taken", () => {
  it("ends: SysRq after the key that its break belongs to", async () => {
    const ada = await one.attach("ada");
    const bob = await one.attach("bob");
    const asked = ada.place.ask({ ask: "sysrq", keys: ["sync", "show-memory", "reboot"] });
    await eventually("the first break is out", () => one.line.taken.length > 0);
    await bob.place.ask({ ask: "take" });
    await bob.place.input(Buffer.from("x"));
    expect(await asked).toMatchObject({ told: "refused", code: "aborted" });
    expect(one.line.taken).toEqual([{ kind: "break", ms: 250 }, "s", "x"]);
  });

  it("ends: a break that the device has not begun", async () => {
    const ada = await one.attach("ada");
    const bob = await one.attach("bob");
    const gate = Promise.withResolvers<void>();
    one.line.gate = gate.promise;
    const { linked } = one.console.far;
    if (!linked) throw new Error("it is not linked");
    const busy = linked.write(Buffer.from("z"));
    const requested: string[] = [];
    const request = linked.request.bind(linked);
    linked.request = (what, signal) => {
      requested.push(what.kind);
      return request(what, signal);
    };
    const asked = ada.place.ask({ ask: "break" });
    await eventually("the break is on its way", () => requested.includes("break"));
    await bob.place.ask({ ask: "take" });
    expect(await asked).toMatchObject({ told: "refused", code: "aborted" });
    // The agent has heard of it once it has heard what was sent next.
    const purge = { kind: "purge", what: "transmit" } as const;
    const purged = linked.request(purge);
    await expect(busy).rejects.toMatchObject({ code: "purged" });
    gate.resolve();
    await purged;
    await bob.place.input(Buffer.from("x"));
    expect(one.line.taken).toEqual([purge, "x"]);
  });

  it("ends: a break sequence, a paste, and a pulse", async () => {
    const ada = await one.attach("ada");
    const bob = await one.attach("bob");
    const nap = ada.place.ask({ ask: "break", name: "twice" });
    await eventually("the first break is out", () => one.line.taken.length > 0);
    await bob.place.ask({ ask: "take" });
    expect(await nap).toMatchObject({ code: "aborted" });
    expect(one.line.taken).toEqual([{ kind: "break", ms: 250 }]);
    const gate = Promise.withResolvers<void>();
    one.line.gate = gate.promise;
    const pulse = bob.place.ask({ ask: "pulse", line: "rts", ms: 60_000 });
    await eventually("it is being done", () => one.line.asked.length > 1);
    expect(one.line.asked.at(-1)).toEqual({ kind: "pulse", line: "rts", ms: 60_000 });
    await ada.place.ask({ ask: "take" });
    expect(await pulse).toMatchObject({ code: "aborted" });
    // The agent, which turns it back, was told.
    expect(one.line.taken).toHaveLength(1);
    const paste = ada.place.ask({ ask: "paste", text: "p".repeat(8192) });
    await eventually("it is being recorded", () => one.acts().includes("console.paste"));
    await bob.place.ask({ ask: "take" });
    gate.resolve();
    expect(await paste).toMatchObject({ code: "aborted" });
    const pasted = one.line.taken.filter((taken) => typeof taken === "string").join("");
    expect(pasted.length).toBeLessThanOrEqual(1024);
  });
});

describe("DTR and RTS", () => {
  it("are as declared again when the last who set them has left, also when that is possible only later", async () => {
    const ada = await one.attach("ada");
    const bob = await one.attach("bob");
    await ada.place.control({ dtr: false });
    await bob.place.ask({ ask: "take" });
    await bob.place.control({ rts: false });
    ada.place.detach();
    expect(one.line.taken.at(-1)).toEqual({ kind: "control", rts: false });
    one.line.change({ ...one.line.condition(), up: false, detail: "unplugged" });
    await eventually("it is down", () => one.console.far.problem !== undefined);
    bob.place.detach();
    one.line.change({ ...one.line.condition(), up: true, detail: undefined });
    await eventually("it is set back", () => {
      one.console.wire.look();
      return one.line.taken.some((taken) => typeof taken === "object" && taken.kind === "rest");
    });
  });
});

describe("whoever shows nothing but an address", () => {
  it("leaves one record of a coming and a going, however often they come", async () => {
    const subject = { kind: "anonymous", name: "x", rights: ["console-read"] } as const;
    const visitor = { actor: "address:10.0.0.7", way: "raw", subject: () => subject } as const;
    const viewer = { bytes: () => true, onDrain: () => undefined, told: () => undefined };
    for (let times = 0; times < 100; times++) {
      const place = await one.console.attach(visitor, { mode: "write", replay: "none" }, viewer);
      place.detach();
    }
    expect(one.acts()).toEqual(["console.attach", "console.detach outcome"]);
    one.console.close("stopping", "it stops");
    expect(one.records.at(-1)).toMatchObject({ actor: visitor.actor, data: { connects: 99 } });
  });
});

describe("a take-over", () => {
  it("is not done when it cannot be written down, by neither way; looking on and typing are (P20, P12)", async () => {
    full();
    const ada = await one.attach("ada");
    expect(ada.place.writes).toBe(true);
    const bob = await one.attach("bob", { mode: "take" });
    expect(bob.heard("notice")).toMatchObject({ code: "not-recorded" });
    expect(await bob.place.ask({ ask: "take" })).toMatchObject({ code: "not-recorded" });
    expect(ada.place.writes).toBe(true);
    await expect(one.console.asks.from(AS, { ask: "break" }, { take: true })).rejects.toMatchObject(
      { code: "not-recorded" },
    );
    expect(ada.heard("mode")).toBeUndefined();
    expect(one.line.taken).toEqual([]);
  });

  it("is written down of whoever types by then (P20)", async () => {
    await one.attach("ada");
    const eve = await one.attach("eve");
    const go = hold();
    const attaching = one.attach("bob", { mode: "take" });
    await eventually("he is being let in", () => one.acts().length > 2);
    one.audit = Promise.resolve();
    await eve.place.ask({ ask: "take" });
    go();
    const bob = await attaching;
    expect(bob.place.writes).toBe(true);
    const takes = one.records.filter(({ act }) => act === "console.take");
    expect(takes.map(({ actor, data }) => [actor, data?.["from"]])).toEqual([
      ["person:eve", "person:ada"],
      ["person:bob", "person:eve"],
    ]);
  });

  it("is refused to one who lost the right while they were being let in, and there are no more than fit", async () => {
    await one.attach("ada");
    const go = hold();
    const bob = new Person("bob");
    const attaching = bob.attach(one.console, { mode: "take" });
    await eventually("he is being let in", () => one.acts().length > 1);
    bob.subject = undefined;
    go();
    await expect(attaching).rejects.toMatchObject({ code: "not-allowed" });
    const letIn = hold();
    const many = Array.from({ length: MAX_PLACES + 5 }, (_, at) =>
      one.attach(`p${at}`, { mode: "take" }),
    );
    letIn();
    const settled = await Promise.allSettled(many);
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(MAX_PLACES - 1);
    expect(one.console.places).toHaveLength(MAX_PLACES);
  });
});

describe("who acts in the place of the one who types", () => {
  it("gives the turn back when it is done, also when that failed", async () => {
    const ada = await one.attach("ada");
    const eve = await one.attach("eve", { mode: "spy" });
    await expect(one.console.asks.from(AS, { ask: "break" }, { take: false })).rejects.toThrow(
      "person:ada types there",
    );
    const gate = Promise.withResolvers<void>();
    one.line.gate = gate.promise;
    const asked = one.console.asks.from(AS, { ask: "break" }, { take: true });
    await eventually("it is lent", () => !ada.place.writes);
    expect(ada.heard("mode")).toMatchObject({ writes: false, text: /person:root does something/ });
    expect(await eve.place.ask({ ask: "write" })).toMatchObject({ code: "busy" });
    gate.resolve();
    await asked;
    expect(ada.place.writes).toBe(true);
    expect(ada.heard("mode")).toMatchObject({ writes: true, text: /person:root is done/ });
    const nothing = { ask: "break", name: "unknown" } as const;
    await expect(one.console.asks.from(AS, nothing, { take: true })).rejects.toThrow(/no break/);
    expect(ada.place.writes).toBe(true);
    expect(one.acts()).toContain("console.take");
  });

  it("takes nothing from anybody for what cannot be done anyway", async () => {
    const ada = await one.attach("ada");
    one.line.change({ up: true, abilities: ["dtr"] });
    await eventually("it cannot send breaks any more", () => !one.console.far.can("break"));
    const asks: [ConsoleAsk, string][] = [
      [{ ask: "break" }, "unsupported"],
      [{ ask: "break", name: "unknown" }, "not-found"],
      [{ ask: "sysrq", keys: ["sync"] }, "unsupported"],
      [{ ask: "sysrq" }, "invalid"],
      [{ ask: "line", settings: "9600" }, "unsupported"],
      [{ ask: "paste" }, "invalid"],
    ];
    const bob = new Person("bob");
    for (const [ask, code] of asks) {
      const asked = one.console.asks.from(AS, ask, { take: true });
      await expect(asked).rejects.toMatchObject({ code });
      const visited = one.console.asks.visit(bob.visitor, ask, true);
      await expect(visited).rejects.toMatchObject({ code });
    }
    expect(ada.place.writes).toBe(true);
    expect(ada.heard("mode")).toBeUndefined();
    expect(one.acts()).toEqual(["console.attach"]);
  });

  it("needs the right when they come by a way in, and once more after it was written down", async () => {
    const ada = await one.attach("ada");
    const bob = new Person("bob");
    const go = hold();
    const asked = one.console.asks.visit(bob.visitor, { ask: "break" }, true);
    asked.catch(() => undefined);
    await eventually("it is being written down", () => one.acts().includes("console.take"));
    bob.only("console-read");
    go();
    await expect(asked).rejects.toMatchObject({ code: "not-allowed" });
    const again = one.console.asks.visit(bob.visitor, { ask: "break" }, true);
    await expect(again).rejects.toMatchObject({ code: "not-allowed" });
    expect(one.line.taken).toEqual([]);
    await eventually("she types again", () => ada.place.writes);
  });

  it("keeps nobody from typing who comes meanwhile to a console where nobody types", async () => {
    const gate = Promise.withResolvers<void>();
    one.line.gate = gate.promise;
    const asked = one.console.asks.from(AS, { ask: "break" }, { take: false });
    await eventually("it is being done", () => one.acts().includes("console.break"));
    const ada = await one.attach("ada");
    expect(ada.place.writes).toBe(false);
    expect(ada.heard("attached")?.text).toMatch(/while person:root does something here/);
    gate.resolve();
    await asked;
    expect(ada.place.writes).toBe(true);
  });

  it("loses it to one who takes the console meanwhile, and nothing is given back then", async () => {
    const ada = await one.attach("ada");
    const bob = await one.attach("bob");
    const keys = ["sync", "show-memory", "reboot"] as const;
    const asked = one.console.asks.from(AS, { ask: "sysrq", keys: [...keys] }, { take: true });
    asked.catch(() => undefined);
    await eventually("it has begun", () => one.line.taken.length > 0);
    await bob.place.ask({ ask: "take" });
    await expect(asked).rejects.toMatchObject({ code: "aborted" });
    expect(bob.place.writes).toBe(true);
    expect(ada.place.writes).toBe(false);
    expect(one.line.taken).toEqual([{ kind: "break", ms: 250 }, "s"]);
  });
});

describe("the past", () => {
  it("asks no terminal of one who types anything, also where exact bytes are wanted (P13)", async () => {
    const asked = Buffer.from("a\u001b[6n\u001b[cb\u0005\r\n");
    const item = { kind: "bytes", offset: 0, atMicros: 1e15, bytes: asked } as const;
    one.console.deliver(one.console.log.take("s", [item]));
    const replay = "lines:10";
    const ada = await one.attach("ada", { raw: true, replay });
    await eventually("it is shown", () => ada.heard("live"));
    expect(ada.text).toBe("ab\r\n");
    const spy = await one.attach("spy", { raw: true, replay, mode: "spy" });
    await eventually("it is shown", () => spy.heard("live"));
    expect(spy.text).toBe(asked.toString("latin1"));
    one.console.release(ada.place, "left");
    await spy.place.ask({ ask: "write" });
    spy.chunks.length = 0;
    await spy.place.ask({ ask: "replay", from: replay });
    expect(spy.text).toBe("ab\r\n");
  });
});

describe("what the device does not do", () => {
  const refusal = (code: string): Promise<never> => {
    const refused = Promise.reject(Object.assign(new Error("not with this device"), { code }));
    refused.catch(() => undefined);
    return refused;
  };

  it.each([
    { ask: "line", settings: "115200,8n1.5" },
    { ask: "break" },
    { ask: "sysrq", keys: ["sync"] },
    { ask: "pulse", line: "dtr" },
  ] satisfies ConsoleAsk[])("is in the log as failed: $ask", async (ask) => {
    const ada = await one.attach("ada");
    one.line.gate = refusal("unsupported");
    expect(await ada.place.ask(ask)).toMatchObject({ told: "refused", code: "unsupported" });
    one.line.gate = Promise.resolve();
    await ada.place.ask(ask);
    const said = await eventually("it was done once", async () => {
      const text = await one.said();
      return text.split(`${ask.ask} by person:ada`).length === 4 && text;
    });
    const marks = said.split("\n").filter((line) => line.includes(`${ask.ask} by`));
    expect(marks.map((mark) => mark.includes("failed: not with this device"))).toEqual([
      false,
      true,
      false,
    ]);
    const recorded = ["", " outcome", ""].map((stage) => `console.${ask.ask}${stage}`);
    expect(one.acts().slice(1)).toEqual(recorded);
  });
});

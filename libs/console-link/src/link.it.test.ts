import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually, within } from "@outrider/testing/eventually";
import type { LinkClient } from "./link-client.js";
import { makeAgent, startService } from "./testing/link-pair.js";
import { MemoryLine } from "./testing/memory-line.js";
import type { Recorder } from "./testing/recorder.js";

let service: Awaited<ReturnType<typeof startService>>;
let recorder: Recorder;
let agent: LinkClient;
let line: MemoryLine;

beforeEach(async () => {
  service = await startService();
  recorder = service.recorder;
  agent = makeAgent(service.port);
  line = new MemoryLine();
  agent.add(line);
  agent.start();
});
afterEach(async () => {
  await agent.stop();
  await service.server.close();
});

const linked = (node = "n1") => eventually(`${node} is linked`, () => recorder.consoles.get(node));

describe("bytes from the device", () => {
  test("what is there and what comes then arrives in order, each once", async () => {
    line.source.append(Buffer.from("before "));
    await linked();
    line.source.append(Buffer.from("after"));
    line.source.break();
    line.source.gap(7);
    line.source.gap(undefined, "agent-down", 2 ** 36);
    line.source.append(Buffer.from("end"));
    await eventually("all of it", () => recorder.items("n1").length >= 6);
    expect(recorder.items("n1")).toEqual(
      line.source.items.map((item) =>
        item.kind === "bytes" ? { ...item, bytes: Buffer.from(item.bytes) } : item,
      ),
    );
    await eventually("acknowledged", () => line.source.acknowledged === line.source.next);
  });

  test("a console is announced anew when that is asked for, and resumed where that is wanted then", async () => {
    line.source.append(Buffer.from("before "));
    await eventually("it has come", () => recorder.bytes("n1").length === 7);
    const console = await linked();
    console.again();
    await eventually("it is announced anew", () => recorder.announced.get("n1") === 2);
    expect(recorder.gone).toEqual(["the agent took the console away"]);
    line.source.append(Buffer.from("after"));
    await eventually("all of it", () => recorder.bytes("n1").toString() === "before after");
    console.again();
    await (await linked()).request({ kind: "break", ms: 1 });
    expect(recorder.announced.get("n1")).toBe(2);
  });

  test("all 256 values and large chunks come through as they are", async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7) % 256));
    line.source.append(bytes);
    await eventually("all of it", () => recorder.bytes("n1").length === bytes.length);
    expect(recorder.bytes("n1").equals(bytes)).toBe(true);
  });

  test("a console that is not taken holds up no other, and its agent sends no more than a window", async () => {
    const other = new MemoryLine("n2");
    agent.add(other);
    await linked();
    await linked("n2");
    const gate = Promise.withResolvers<void>();
    recorder.gate = gate.promise;
    for (let at = 0; at < 200; at++) line.source.append(Buffer.alloc(16_384, at));
    await eventually("a window of it", () => recorder.bytes("n1").length >= 200_000);
    recorder.gate = undefined;
    other.source.append(Buffer.from("I am still heard"));
    await eventually("the other", () => recorder.bytes("n2").length === 16);
    expect(recorder.bytes("n1").length).toBeLessThan(400_000);
    gate.resolve();
    await eventually("the rest", () => recorder.bytes("n1").length === 200 * 16_384);
    recorder.assertWhole("n1");
  });
});

describe("what the device is sent", () => {
  test("a write resolves when the device has taken it, and not before", async () => {
    const console = await linked();
    const gate = Promise.withResolvers<void>();
    line.gate = gate.promise;
    let taken = false;
    const written = console.write(Buffer.from("ls\r")).then(() => (taken = true));
    // Both ways and back, so that a premature answer would have come.
    await console.request({ kind: "purge", what: "receive" }, within(100)).catch(() => undefined);
    expect(taken).toBe(false);
    gate.resolve();
    await written;
    expect(line.taken[0]).toBe("ls\r");
  });

  test("writes and requests keep their order", async () => {
    const console = await linked();
    await Promise.all([
      console.write(Buffer.alloc(3000, "a")),
      console.request({ kind: "break", ms: 250 }),
      console.write(Buffer.from("s")),
    ]);
    const [first] = line.taken;
    expect(typeof first === "string" ? first.length : 0).toBe(1024);
    expect(line.taken.slice(3)).toEqual([{ kind: "break", ms: 250 }, "s"]);
  });

  test("the device's words come back as an error", async () => {
    const console = await linked();
    line.gate = Promise.reject(
      Object.assign(new Error("the plug is out"), { code: "unreachable" }),
    );
    line.gate.catch(() => undefined);
    await expect(console.write(Buffer.from("x"))).rejects.toMatchObject({
      code: "unreachable",
      message: "the plug is out",
    });
  });

  test("a purge throws away what waits and goes before it", async () => {
    const console = await linked();
    line.gate = new Promise(() => undefined);
    const stuck = console.write(Buffer.alloc(5000, "x"));
    const purge = console.request({ kind: "purge", what: "transmit" });
    await expect(stuck).rejects.toMatchObject({ code: "purged" });
    await purge;
    line.gate = Promise.resolve();
    await console.write(Buffer.from("ok"), within());
    expect(line.taken).toEqual([{ kind: "purge", what: "transmit" }, "ok"]);
  });

  test("what nobody waits for any more is not begun", async () => {
    const console = await linked();
    const gate = Promise.withResolvers<void>();
    line.gate = gate.promise;
    const first = console.write(Buffer.from("1"));
    const aborted = new AbortController();
    const second = console.write(Buffer.from("2"), aborted.signal);
    const third = console.write(Buffer.from("3"));
    aborted.abort(new Error("left"));
    await expect(second).rejects.toThrow("left");
    gate.resolve();
    await Promise.all([first, third]);
    expect(line.taken).toEqual(["1", "3"]);
  });

  test("when the link ends it is said that nobody knows", async () => {
    const console = await linked();
    line.gate = new Promise(() => undefined);
    const written = console.write(Buffer.from("x"));
    await Promise.all([expect(written).rejects.toMatchObject({ code: "gone" }), agent.stop()]);
    await expect(console.write(Buffer.from("y"))).rejects.toMatchObject({ code: "gone" });
  });
});

describe("conditions", () => {
  test("are said at the start and at every change", async () => {
    const console = await linked();
    expect(console.condition).toMatchObject({ up: true, abilities: ["break"] });
    const heard: unknown[] = [];
    console.onCondition((condition) => heard.push(condition.detail));
    line.change({ up: false, detail: "no such device", abilities: [] });
    await eventually("the change", () => heard.length === 1);
    expect(console.condition).toMatchObject({ up: false, detail: "no such device" });
  });

  test("a console that is taken away is gone, and comes back when it is added", async () => {
    const console = await linked();
    const other = new MemoryLine("n2");
    const added = agent.add(other);
    await linked("n2");
    added[Symbol.dispose]();
    await eventually("it is gone", () => !recorder.consoles.has("n2"));
    agent.add(other);
    await linked("n2");
    expect(recorder.consoles.get("n1")).toBe(console);
  });

  test("the difference of the clocks is measured", async () => {
    await agent.stop();
    const ahead = makeAgent(service.port, { nowMicros: () => Date.now() * 1000 + 5_000_000 });
    ahead.add(line);
    ahead.start();
    const console = await linked();
    const micros = await eventually("a measurement", () => console.agentAheadMicros);
    expect(Math.abs(micros - 5_000_000)).toBeLessThan(500_000);
    await ahead.stop();
  });
});

import { connect } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually, within } from "@outrider/testing/eventually";
import { startCuttingProxy, type CuttingProxy } from "@outrider/testing/cutting-proxy";
import { FRAME, jsonFrame } from "./frame.js";
import type { LinkClient } from "./link-client.js";
import { makeAgent, SECRET, startService } from "./testing/link-pair.js";
import { MemoryLine } from "./testing/memory-line.js";
import type { Recorder } from "./testing/recorder.js";

let service: Awaited<ReturnType<typeof startService>>;
let proxy: CuttingProxy;
let recorder: Recorder;
let agent: LinkClient;
let line: MemoryLine;

beforeEach(async () => {
  service = await startService();
  recorder = service.recorder;
  proxy = await startCuttingProxy(service.port);
  agent = makeAgent(proxy.port);
  line = new MemoryLine();
  agent.add(line);
});
afterEach(async () => {
  await agent.stop();
  await proxy.close();
  await service.server.close();
});

const linked = () => eventually("it is linked", () => recorder.consoles.get("n1"));

describe("a network that does what networks do (P8)", () => {
  test.each(["up", "down", "both"] as const)(
    "swallows %s: both ends notice, and nothing is missing",
    async (direction) => {
      agent.start();
      await linked();
      line.source.append(Buffer.from("one "));
      proxy.blackhole(direction);
      line.source.append(Buffer.from("two "));
      await eventually("the service gave it up", () => recorder.gone.length > 0);
      await eventually("the agent gave it up", () => !agent.state.up);
      proxy.heal();
      line.source.append(Buffer.from("three"));
      await eventually("all", () => recorder.bytes("n1").toString() === "one two three");
      recorder.assertWhole("n1");
    },
  );

  test("resets and cuts at any time in a flood: every byte once (P8)", async () => {
    agent.start();
    const other = new MemoryLine("n2");
    agent.add(other);
    const sent: Buffer[] = [];
    for (let round = 0; round < 30; round++) {
      for (let at = 0; at < 40; at++) {
        const bytes = Buffer.alloc(1 + ((round * 997 + at * 131) % 9000), round * 40 + at);
        sent.push(bytes);
        line.source.append(bytes);
        other.source.append(bytes);
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (round % 3 === 0) proxy.reset();
      if (round % 3 === 1) {
        proxy.cut();
        proxy.heal();
      }
      if (round % 5 === 4) {
        await eventually("all so far", () => recorder.bytes("n1").length === line.source.next);
      }
    }
    const all = Buffer.concat(sent);
    await eventually("all", () => recorder.bytes("n1").length >= all.length);
    await eventually("all", () => recorder.bytes("n2").length >= all.length);
    expect(recorder.bytes("n1").equals(all)).toBe(true);
    expect(recorder.bytes("n2").equals(all)).toBe(true);
    expect(recorder.announced.get("n1")).toBeGreaterThan(2);
  });
});

describe("one agent, one connection", () => {
  test("a newer one takes the place of the older, whose consoles are gone first", async () => {
    agent.start();
    const before = await linked();
    const newer = makeAgent(service.port);
    newer.add(new MemoryLine());
    newer.start();
    await eventually("the newer one", () => recorder.announced.get("n1") === 2);
    expect(recorder.gone).toEqual(["a newer connection of the same agent took its place"]);
    expect(recorder.consoles.get("n1")).not.toBe(before);
    await newer.stop();
  });

  test("whoever lost their credentials is cut off", async () => {
    let stands = true;
    const strict = await startService(undefined, {
      verify: () => Promise.resolve({ stillStands: () => stands }),
    });
    const bound = makeAgent(strict.port);
    bound.add(line);
    bound.start();
    await eventually("linked", () => strict.recorder.consoles.get("n1"));
    stands = false;
    await eventually("cut off", () => strict.recorder.gone[0]);
    expect(strict.recorder.gone[0]).toContain("credentials");
    await bound.stop();
    await strict.server.close();
  });
});

describe("strangers (P19)", () => {
  const hello = (secret: string, agentName = "agent:rack-a"): Buffer =>
    jsonFrame(FRAME.hello, { link: "outrider-console", version: 1, agent: agentName, secret });

  /** What a connection hears that sends these bytes, until it is ended. */
  async function hears(bytes: Buffer): Promise<string> {
    const socket = connect({ host: "127.0.0.1", port: service.port });
    let heard = "";
    socket.on("data", (chunk: Buffer) => (heard += chunk.toString("latin1")));
    socket.on("error", () => undefined);
    socket.write(bytes);
    await once(socket, "close", { signal: within() });
    return heard;
  }

  test.each([
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["a huge frame", Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x01])],
    ["a hello that is too long", Buffer.from([0, 0, 0x10, 0, 0x01])],
    ["another frame first", Buffer.from([0, 0, 0, 4, 0x13, 0, 0, 0, 1])],
    ["a hello that is no JSON", Buffer.concat([Buffer.from([0, 0, 0, 1, 1]), Buffer.from("{")])],
    ["nothing", Buffer.alloc(0)],
  ])("%s is ended without a word", async (_, bytes) => {
    expect(await hears(bytes)).toBe("");
  });

  test("a wrong secret and an unknown agent hear the same, later", async () => {
    const [wrong, unknown] = await Promise.all([
      hears(hello("wrong")),
      hears(hello(SECRET, "agent:rack-z")),
    ]);
    expect(wrong).toContain("credentials");
    expect(unknown).toBe(wrong);
  });

  test("an agent with a wrong secret says so and knocks on", async () => {
    const wrong = makeAgent(service.port, { secret: "wrong" });
    wrong.start();
    await eventually("the reason", () => wrong.state.detail?.includes("does not know this agent"));
    await wrong.stop();
  });

  test("an agent that was let in and then says nonsense is ended, and no other", async () => {
    agent.start();
    await linked();
    const nonsense = [
      Buffer.from([0, 0, 0, 1, FRAME.announce, 0x7b]),
      jsonFrame(FRAME.announce, { console: 1, endpoint: "../../etc", node: "n1" }),
      jsonFrame(FRAME.condition, { console: 1, condition: [] }),
      jsonFrame(FRAME.welcome, {}),
      Buffer.from([0, 0, 0, 9, FRAME.items, 0, 0, 0, 1, 1, 0xff, 0xff, 0xff, 0xff]),
      Buffer.from([0, 0, 0, 3, FRAME.done, 0, 0, 0]),
      Buffer.from([0, 0, 0, 0, 0x7f]),
    ];
    const other = await startService(undefined, {
      verify: () => Promise.resolve({ stillStands: () => true }),
    });
    for (const frame of nonsense) {
      const socket = connect({ host: "127.0.0.1", port: other.port });
      socket.on("error", () => undefined);
      socket.once("data", () => socket.write(frame));
      socket.write(hello(SECRET));
      await once(socket, "close", { signal: within() });
    }
    expect(other.recorder.consoles.size).toBe(0);
    await other.server.close();
    expect(agent.state.up).toBe(true);
  });

  test("a crowd that says nothing keeps no agent out", async () => {
    const crowd = Array.from({ length: 200 }, () => {
      const socket = connect({ host: "127.0.0.1", port: service.port });
      socket.on("error", () => undefined);
      return socket;
    });
    agent.start();
    await linked();
    for (const socket of crowd) socket.destroy();
  });
});

import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeOf, Stage } from "../testing/stage.js";
import { FarEnd } from "./testing/far-end.js";
import { LinkService } from "./testing/link-service.js";

/** A real agent process between a far end on a socket and the service's end of the link. */
describe("the consoles of an agent, as the console service has them", () => {
  let stage: Stage;
  let service: LinkService;
  let farEnd: FarEnd;

  beforeAll(async () => {
    service = new LinkService("the secret of a1");
    await service.start();
    farEnd = await FarEnd.start();
    stage = await Stage.start({ bootMs: 100 });
    await stage.startAgent(await stage.linkedTo(service));
    await configure();
  });

  afterAll(async () => {
    await farEnd[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  });

  beforeRetry(async () => {
    if (!stage.agent.running) await stage.startAgent(await stage.linkedTo(service));
    await configure();
  });
  const configure = (): Promise<void> =>
    stage.configureEndpoints([
      stage.tcpConsole("n1", farEnd.port),
      stage.consoleOf(nodeOf(2), "simulated", { socket: stage.rack.listen, slot: 2 }),
      stage.consoleOf("n3", "simulated", { socket: stage.rack.listen, slot: 0 }),
    ]);

  const said = async (node: string): Promise<string> => {
    const { stream } = await service.console(node);
    return service.recorder.bytes(node, stream).toString("latin1");
  };

  it("hand on what is said, and what is typed", async () => {
    const console = await service.up("n1");
    expect(console.address).toMatchObject({
      agent: "a1",
      endpoint: "n1.console",
      node: "n1",
      driver: "tcp",
    });
    const [before, heard] = [await said("n1"), farEnd.heard];
    farEnd.say("login: ");
    await eventually("it has come", async () => (await said("n1")) === `${before}login: `);
    await console.write(Buffer.from("root\r"));
    await eventually("it is heard", () => farEnd.heard === `${heard}root\r`);
  });

  it("say what they cannot do, and do what they can", async () => {
    const tcp = await service.up("n1");
    expect(tcp.condition.abilities).toEqual([]);
    await expect(tcp.request({ kind: "break", ms: 300 })).rejects.toMatchObject({
      code: "unsupported",
    });
    const rack = await service.up("n2");
    expect(rack.condition.abilities).toEqual(["break"]);
    const before = await stage.rack.client.consoleCounts(2);
    await rack.request({ kind: "break", ms: 50 });
    const after = await stage.rack.client.consoleCounts(2);
    expect(after.breaks).toBe(before.breaks + 1);
  });

  it("are linked also when they cannot be opened, and say why", async () => {
    const console = await service.console("n3");
    await eventually("it has said so", () => console.condition.detail?.includes("slot") === true);
    expect(console.condition).toMatchObject({ up: false, abilities: [] });
    await expect(console.write(Buffer.from("x"))).rejects.toMatchObject({ code: "unreachable" });
    const described = stage.description?.endpoints.find(
      ({ endpoint }) => endpoint === "n3.console",
    );
    expect(described).toMatchObject({ state: "failed", actions: [] });
  });

  it("P8: have a gap of unknown size where their device was away, with both times", async () => {
    const console = await service.up("n1");
    const beforeMicros = Date.now() * 1000;
    const connections = farEnd.connections.length;
    farEnd.cut();
    await eventually(
      "it is down",
      () => service.recorder.consoles.get("n1")?.condition.up === false,
    );
    await eventually("it is back", () => farEnd.connections.length > connections);
    await service.up("n1");
    farEnd.say("back again");
    await eventually("it has come", async () => (await said("n1")).endsWith("back again"));
    const gaps = service.items("n1", console.stream).filter((item) => item.kind === "gap");
    const gap = gaps.at(-1);
    expect(gap).toMatchObject({ reason: "disconnected", lost: undefined });
    expect(gap?.fromMicros).toBeGreaterThan(beforeMicros - 1_000_000);
    expect(gap?.toMicros).toBeGreaterThan(gap?.fromMicros ?? Number.NaN);
    expect(gap?.toMicros).toBeLessThan(Date.now() * 1000 + 1_000_000);
  });

  it("P8: miss nothing after an agent that was stopped in order, but are marked for that time", async () => {
    const { stream } = await service.up("n1");
    farEnd.say("last words");
    await stage.agent.kill("SIGTERM");
    const connections = farEnd.connections.length;
    await stage.startAgent(await stage.linkedTo(service));
    await eventually("it is read again", () => farEnd.connections.length > connections);
    farEnd.say("first words");
    await eventually("both have come", async () =>
      (await said("n1")).endsWith("last wordsfirst words"),
    );
    const gaps = service.items("n1", stream).filter((item) => item.kind === "gap");
    expect(gaps.at(-1)).toMatchObject({ reason: "agent-down", lost: undefined });
  });

  it("are taken away when they are not wanted any more, and come back as they were", async () => {
    const { stream } = await service.up("n1");
    await stage.configureEndpoints([]);
    await eventually("it is gone", () => service.recorder.consoles.get("n1") === undefined);
    await eventually("its line is free", () => !farEnd.connected);
    await stage.configureEndpoints([stage.tcpConsole("n1", farEnd.port)]);
    expect((await service.up("n1")).stream).toBe(stream);
  });
});

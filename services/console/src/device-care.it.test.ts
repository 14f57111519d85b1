import type { WireSettings } from "@outrider/console-link/console-stream";
import { searchAudit } from "@outrider/contracts/audit";
import { actOnConsole } from "@outrider/contracts/console-operations";
import { nodeId } from "@outrider/contracts/ids";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ConsoleStage, nodesFor } from "./testing/console-stage.js";

const AS = { actor: "person:root", via: "cli" } as const;
const DECLARED: WireSettings = {
  baudRate: 115_200,
  dataBits: 8,
  parity: "none",
  stopBits: 1,
  flowControl: "none",
};

/** The device of a console under people's hands: its wire, and who has it. */
describe("the device of a console", () => {
  let stage: ConsoleStage;

  beforeAll(async () => {
    stage = await ConsoleStage.start(nodesFor(5));
  });
  beforeEach(async () => {
    await stage.turn();
    const line = stage.line();
    line.change({ ...line.condition(), line: DECLARED, declaredLine: DECLARED });
    const take = line.request.bind(line);
    // As an agent does it.
    line.request = async (request, signal) => {
      await take(request, signal);
      if (request.kind === "line") line.change({ ...line.condition(), line: request.settings });
      if (request.kind === "close") {
        const until = new Date(Date.now() + request.ms).toISOString();
        const { actor, reason } = request;
        const detail = `${actor} has closed it until ${until}`;
        const closed = { actor, until, reason };
        line.change({ ...line.condition(), up: false, detail, closed });
      }
      if (request.kind === "open") {
        line.change({ ...line.condition(), up: true, detail: undefined, closed: undefined });
      }
    };
  });
  afterAll(() => stage.stop());

  const log = async (): Promise<string> =>
    (await stage.get(`/consoles/${stage.current}/log`)).text();

  it("has its declared settings again when the last who changed them has left, and says so", async () => {
    const ada = await stage.attach("person:ada");
    await ada.hears("attached");
    expect(await ada.ask({ ask: "line", settings: "9600,7e1" })).toMatchObject({ told: "done" });
    await eventually(
      "the state says it",
      () => stage.state?.line?.present === "9600 7e1" && stage.state.line.declared === "115200 8n1",
    );
    const bob = await stage.attach("person:bob", { mode: "take" });
    await bob.hears("attached", /the line has 9600 7e1 now, which is not declared/);
    await bob.ask({ ask: "line", settings: "19200" });
    ada.socket.terminate();
    await eventually(
      "ada is gone",
      () => stage.state?.viewers === 0 && stage.state.line?.present === "19200 7e1",
    );
    const eve = await stage.attach("person:eve", { mode: "spy" });
    await eve.hears("attached");
    bob.socket.terminate();
    await eve.hears("notice", /the line has 115200 8n1 again/);
    await eventually("the state says nothing of it", () => stage.state?.line === undefined);
    expect(await log()).toMatch(/\[outrider: \S+ the line has 115200 8n1 again/);
  });

  it("is set back as soon as it can be reached again", async () => {
    const ada = await stage.attach("person:ada");
    await ada.hears("attached");
    await ada.ask({ ask: "line", settings: "9600" });
    const line = stage.line();
    line.change({ ...line.condition(), up: false, detail: "unplugged" });
    ada.socket.terminate();
    await eventually("ada is gone", () => !stage.state?.writer);
    expect(line.condition().line?.baudRate).toBe(9600);
    line.change({ ...line.condition(), up: true, detail: undefined });
    await eventually("it is set back", () => line.condition().line?.baudRate === 115_200);
  });

  it("is set back also when this service has died under whoever had changed it", async () => {
    const ada = await stage.attach("person:ada");
    await ada.hears("attached");
    await ada.ask({ ask: "line", settings: "9600" });
    const line = stage.line();
    expect(line.condition().line?.baudRate).toBe(9600);
    const again = async (baudRate: number): Promise<void> => {
      await stage.agent.stop();
      await stage.service.kill("SIGKILL");
      await stage.startService();
      stage.states.clear();
      await stage.startAgent(0, { line: { ...DECLARED, baudRate }, declaredLine: DECLARED });
    };
    await again(9600);
    await eventually("it is set back", () => line.condition().line?.baudRate === 115_200);
    await eventually("the state says so", () => stage.state && stage.state.line === undefined);
    // And once only: what is set then, by whoever is not attached, stays.
    const act = { ask: "line", settings: "19200" } as const;
    await stage.asking.ask(actOnConsole, { node: nodeId(stage.current), act }, AS);
    await again(19_200);
    await eventually("the state says it", () => stage.state?.line?.present === "19200 8n1");
    expect(line.taken.filter((one) => typeof one === "object" && one.kind === "line")).toHaveLength(
      3,
    );
  });

  it("keeps what somebody set who is not attached, until they say otherwise", async () => {
    const act = (settings: string) =>
      stage.asking.ask(
        actOnConsole,
        { node: nodeId(stage.current), act: { ask: "line", settings } },
        AS,
      );
    await act("9600");
    const ada = await stage.attach("person:ada");
    await ada.hears("attached");
    ada.socket.terminate();
    await eventually("the state says it", () => stage.state?.line?.present === "9600 8n1");
    await act("declared");
    await eventually("it is as declared", () => stage.state && stage.state.line === undefined);
  });

  it("is lent to another program: all are told by whom and until when, and it comes back", async () => {
    const ada = await stage.attach("person:ada", { mode: "spy" });
    await ada.hears("attached");
    const node = nodeId(stage.current);
    const act = { ask: "close", forMs: 600_000, text: "flashing" } as const;
    const { detail } = await stage.asking.ask(actOnConsole, { node, act }, AS);
    expect(detail).toContain("closed for 10 min");
    await ada.hears("link", /person:root has closed it until/);
    const state = await eventually("the state says it", () =>
      stage.state?.closed ? stage.state : undefined,
    );
    expect(state).toMatchObject({
      link: { value: "Down" },
      closed: { actor: "person:root", reason: "flashing" },
    });
    expect(await ada.ask({ ask: "write" })).toMatchObject({ told: "done" });
    expect(await ada.ask({ ask: "break" })).toMatchObject({ code: "busy" });
    // Also while it cannot be reached.
    expect(await ada.ask({ ask: "open" })).toMatchObject({ told: "done" });
    await ada.hears("link", /can be reached again/);
    await eventually("the state says it", () => stage.state?.link.value === "Up");
    expect(stage.state?.closed).toBeUndefined();
    expect(await log()).toMatch(/close by person:root \(10 min, flashing\)/);
    const { records } = await stage.asking.ask(searchAudit.console, { subject: node }, AS);
    expect(records.map(({ act: one, actor }) => `${actor} ${one}`)).toEqual(
      expect.arrayContaining(["person:root console.close", "person:ada console.open"]),
    );
    const viewer = await stage.attach("person:mallory", {
      mode: "spy",
      rights: ["read", "console-read"],
    });
    await viewer.hears("attached");
    expect(await viewer.ask({ ask: "close" })).toMatchObject({ code: "not-allowed" });
  });
});

import { topicOf, type Contract } from "@outrider/contracts/contract";
import { homeAssistantDocuments, HOME_ASSISTANT_ROOT } from "@outrider/contracts/home-assistant";
import { nodeId } from "@outrider/contracts/ids";
import { serviceDescription } from "@outrider/contracts/service-plane";
import { silentLog } from "@outrider/messaging/log";
import type { Session } from "@outrider/messaging/session";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { Bridge } from "./bridge.js";
import { SiteFacts } from "./site-facts.js";
import { Standing } from "./standing.js";
import { FULL } from "./testing/samples.js";

type Handler = (message: { payload: object; parameters: object; topic: string }) => void;

/** A session whose broker says what the test lets it say, when it lets it. */
class Wire {
  /** Topics that were said or cleared, in order. */
  readonly said: string[] = [];
  /** Whether the broker has sent what it had to send, so that it answers what is asked then. */
  answers = true;
  drop: () => void = () => undefined;
  readonly #handlers = new Map<string, Handler>();

  subscribe(contract: Contract<string, object>, _: object, handler: Handler) {
    this.#handlers.set(contract.template, handler);
    if (this.answers) this.answer();
    return { dispose: async () => void this.#handlers.delete(contract.template) };
  }

  /** Sends the document that stands behind all others. */
  answer(): void {
    const handler = this.#handlers.get(serviceDescription.template);
    handler?.({ payload: {}, parameters: {}, topic: serviceDescription.template });
  }

  retain(contract: Contract<string, object>, parameters: never, payload: object | undefined): void {
    this.said.push(`${payload ? "said" : "cleared"} ${topicOf<string>(contract, parameters)}`);
  }

  onDisconnect(hook: () => void): void {
    this.drop = hook;
  }

  /** A document of discovery that stood there. */
  leftover(node: string): void {
    const { device } = homeAssistantDocuments();
    const parameters = { platform: "device", object: `outrider_node_${node}` };
    const config = { components: { power: { platform: "switch", name: "Power" } } };
    const topic = topicOf(device, parameters);
    this.#handlers.get(device.template)?.({ payload: config, parameters, topic });
  }
}

const DEVICE = (node: string) => `homeassistant/device/outrider_node_${node}/config`;

describe("what stood on the discovery topics", () => {
  let clock: VirtualClock;
  let wire: Wire;
  let facts: SiteFacts;
  let bridge: Bridge;

  beforeEach(() => {
    clock = new VirtualClock();
    wire = new Wire();
    facts = new SiteFacts((object) => bridge.touch(object));
    bridge = new Bridge(
      {
        session: wire as unknown as Session,
        clock,
        log: silentLog,
        facts,
        standing: new Standing(),
      },
      { form: "device", root: HOME_ASSISTANT_ROOT, url: undefined, version: "1" },
    );
    bridge.start();
  });

  const described = (node: string): void => {
    facts.node(node, { ...FULL, id: nodeId(node), interfaces: {} });
    bridge.arrived(`node/${node}/description`);
  };
  const cleared = (): string[] => wire.said.filter((one) => one.startsWith("cleared"));

  it("is cleared when all that inventory declares is here, and no node whose description is on its way", async () => {
    for (const node of ["gone", "late"]) wire.leftover(node);
    bridge.inventory(true);
    for (let nth = 0; nth < 30; nth++) {
      described(`n${nth}`);
      await clock.advance(4000);
    }
    described("late");
    await clock.advance(9000);
    expect(wire.said).toEqual([]);
    await clock.advance(30_000);
    expect(cleared()).toEqual([`cleared ${DEVICE("gone")}`]);
    expect(wire.said).toContain(`said ${DEVICE("late")}`);
  });

  it("waits for what the broker has still to send, however long nothing comes", async () => {
    wire.answers = false;
    wire.leftover("late");
    bridge.inventory(true);
    await clock.advance(600_000);
    expect(wire.said).toEqual([]);
    described("late");
    wire.answers = true;
    wire.answer();
    await clock.advance(30_000);
    expect(cleared()).toEqual([]);
    expect(wire.said).toContain(`said ${DEVICE("late")}`);
  });

  it("stays while inventory is away, and while the broker is", async () => {
    wire.leftover("late");
    bridge.inventory(true);
    await clock.advance(5000);
    bridge.inventory(false);
    await clock.advance(600_000);
    bridge.inventory(true);
    await clock.advance(5000);
    wire.drop();
    await clock.advance(600_000);
    expect(wire.said).toEqual([]);
    wire.leftover("late");
    wire.leftover("gone");
    described("late");
    bridge.inventory(true);
    await clock.advance(30_000);
    expect(cleared()).toEqual([`cleared ${DEVICE("gone")}`]);
  });
});

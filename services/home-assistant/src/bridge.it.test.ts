import { agentDescription, type DescribedEndpoint } from "@outrider/contracts/agent";
import {
  homeAssistantContracts,
  homeAssistantDocuments,
  type HomeAssistantConfig,
} from "@outrider/contracts/home-assistant";
import { agentId, nodeId } from "@outrider/contracts/ids";
import { nodeDescription, type NodeDescription } from "@outrider/contracts/node";
import { serviceStatus } from "@outrider/contracts/service";
import { silentLog } from "@outrider/messaging/log";
import { presenceOf } from "@outrider/messaging/presence";
import { Session } from "@outrider/messaging/session";
import type { RunningService } from "@outrider/service-kit/service";
import { brokerKinds, startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { eventually as soon, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { describe, expect, it } from "vitest";
import { readHomeAssistantConfig } from "./config.js";
import type { Form } from "./forms.js";
import { startHomeAssistantService } from "./start.js";
import { AGENT, FULL } from "./testing/samples.js";

/** Many run at once. */
const eventually: typeof soon = (what, check) => soon(what, check, { withinMs: 60_000 });
const written = homeAssistantContracts();
const read = homeAssistantDocuments();
const agent = agentId("rack-a");

interface Heard {
  readonly topic: string;
  readonly config: HomeAssistantConfig | undefined;
}

/** A broker, an inventory and an agent that the test plays, the bridge, and ears. */
class Stage implements AsyncDisposable {
  readonly heard: Heard[] = [];
  readonly services = new Set<string>();
  readonly defects: unknown[] = [];
  inventory!: Session;
  ears!: Session;
  #bridge: RunningService | undefined;

  private constructor(
    readonly broker: TestBroker,
    private readonly data: TempDir,
  ) {}

  static async start(kind: "aedes" | "mosquitto"): Promise<Stage> {
    const stage = new Stage(await startTestBroker({ kind }), await tempDir());
    stage.ears = new Session({ url: stage.broker.url, clientId: "ears" });
    for (const contract of [read.device, read.entity]) {
      stage.ears.subscribe(
        contract,
        {},
        ({ topic, payload }) => void stage.heard.push({ topic, config: payload }),
        { cleared: ({ topic }) => void stage.heard.push({ topic, config: undefined }) },
      );
    }
    stage.ears.subscribe(serviceStatus, {}, ({ parameters: { service } }) => {
      stage.services.add(service);
    });
    stage.ears.start();
    await stage.ears.ready(within());
    return stage;
  }

  /** Inventory declares nodes, and says that it is ready. */
  async declare(...nodes: readonly NodeDescription[]): Promise<void> {
    const status = (state: "ready" | "lost") => () => ({
      state,
      instance: "i",
      version: "1",
      startedAt: "2026-11-23T00:00:00.000Z",
    });
    const parameters = { service: "inventory" };
    this.inventory = new Session({
      url: this.broker.url,
      clientId: "inventory",
      presence: presenceOf(serviceStatus, parameters, {
        birth: status("ready"),
        will: status("lost"),
      }),
    });
    for (const one of nodes) this.inventory.retain(nodeDescription, { node: one.id }, one);
    this.inventory.start();
    await this.inventory.ready(within());
  }

  /** The agent says what it has; beside a service, because a test may. */
  describeAgent(endpoints: readonly DescribedEndpoint[] = AGENT.endpoints): void {
    this.ears.retain(agentDescription, { agent }, { ...AGENT, endpoints: [...endpoints] });
  }

  /** Starts the bridge, in the place of the one that runs. */
  async bridge(form: Form): Promise<void> {
    await this.stopBridge();
    const config = readHomeAssistantConfig({
      OUTRIDER_MQTT_URL: this.broker.url,
      OUTRIDER_DATA: this.data.path,
      OUTRIDER_HOME_ASSISTANT_FORM: form,
    });
    this.#bridge = await startHomeAssistantService(config, {
      log: silentLog,
      defect: (error) => this.defects.push(error),
    });
  }

  async stopBridge(): Promise<void> {
    await this.#bridge?.stop();
    this.#bridge = undefined;
  }

  /** What stands on the topics now, by topic. */
  get standing(): Map<string, HomeAssistantConfig> {
    const standing = new Map<string, HomeAssistantConfig>();
    for (const { topic, config } of this.heard) {
      if (config) standing.set(topic, config);
      else standing.delete(topic);
    }
    return standing;
  }

  stands(topic: string): Promise<HomeAssistantConfig> {
    return eventually(`${topic} stands`, () => this.standing.get(topic));
  }

  gone(topic: string): Promise<boolean> {
    return eventually(`${topic} is gone`, () => !this.standing.has(topic));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopBridge();
    if (this.defects.length > 0) throw new AggregateError(this.defects, "the bridge has a defect");
    await this.inventory?.stop();
    await this.ears.stop();
    await this.broker.kill();
    await this.data.remove();
  }
}

const N1: NodeDescription = { ...FULL, id: nodeId("n-1") };
const DEVICE = "homeassistant/device/outrider_node_n-1/config";
const SWITCH = "homeassistant/switch/outrider_node_n-1/power/config";
const FOREIGN = "homeassistant/light/0x0017/light/config";

// At once, as each has a broker of its own and waits most of the time.
describe.concurrent.each(brokerKinds())("the bridge on %s", (kind) => {
  it("says nothing before it is known what there is, and then all", async () => {
    await using stage = await Stage.start(kind);
    stage.describeAgent();
    await stage.bridge("device");
    await eventually("it is there", () => stage.services.has("home-assistant"));
    expect(stage.heard).toEqual([]);
    await stage.declare(N1);
    const { components } = await stage.stands(DEVICE);
    expect(components?.["power"]?.platform).toBe("switch");
    expect(components?.["board_temperature"]?.unit_of_measurement).toBe("°C");
    expect(stage.standing.has("homeassistant/device/outrider_agent_rack-a/config")).toBe(true);
  });

  it("leaves what is not ours alone, whatever it is", async () => {
    await using stage = await Stage.start(kind);
    await stage.declare(N1);
    stage.ears.retain(
      written.entity,
      { platform: "light", object: "0x0017", component: "light" },
      { name: "Lamp" },
    );
    stage.ears.retain(written.device, { platform: "device", object: "outrider" }, { name: "x" });
    stage.ears.retain(written.device, { platform: "device", object: "outrider_node_old" }, {});
    await stage.stands("homeassistant/device/outrider_node_old/config");
    await stage.bridge("device");
    await stage.gone("homeassistant/device/outrider_node_old/config");
    await stage.stands(DEVICE);
    expect(stage.standing.get(FOREIGN)).toEqual({ name: "Lamp" });
    expect(stage.standing.has("homeassistant/device/outrider/config")).toBe(true);
  });

  it("takes nothing away that an agent has not spoken of yet", async () => {
    await using stage = await Stage.start(kind);
    stage.describeAgent();
    await stage.declare(N1);
    await stage.bridge("device");
    await stage.stands(DEVICE);
    await stage.stopBridge();
    stage.ears.retain(agentDescription, { agent }, undefined);
    stage.inventory.retain(
      nodeDescription,
      { node: N1.id },
      { ...N1, name: "Later", supportedActions: [] },
    );
    await stage.bridge("device");
    const later = await eventually("its new name", () => {
      const config = stage.standing.get(DEVICE);
      return config?.device?.["name"] === "Later" ? config : undefined;
    });
    expect(later.components?.["power"]?.platform).toBe("switch");
    expect(later.components?.["board_temperature"]?.state_topic).toBeDefined();
  });

  it("bids farewell to an entity that goes, and forgets it then", async () => {
    await using stage = await Stage.start(kind);
    stage.describeAgent();
    await stage.declare(N1);
    await stage.bridge("device");
    await stage.stands(DEVICE);
    stage.describeAgent(
      AGENT.endpoints.map((one) =>
        one.endpoint.endsWith(".board") ? { ...one, quantities: ["underVoltage"] } : one,
      ),
    );
    await eventually("the farewell", () => {
      const { components = {} } = stage.standing.get(DEVICE) ?? {};
      return JSON.stringify(components["board_temperature"]) === '{"platform":"sensor"}';
    });
    await eventually("it is forgotten", () => {
      const { components = {} } = stage.standing.get(DEVICE) ?? {};
      return !("board_temperature" in components) && "board_under_voltage" in components;
    });
  });

  it("clears the device of a node that is not declared any more", async () => {
    await using stage = await Stage.start(kind);
    stage.describeAgent();
    await stage.declare(N1);
    await stage.bridge("entity");
    await stage.stands(SWITCH);
    stage.inventory.retain(nodeDescription, { node: N1.id }, undefined);
    await stage.gone(SWITCH);
    await eventually("nothing of it is left", () =>
      [...stage.standing.keys()].every((topic) => !topic.includes("outrider_node_n-1")),
    );
  });

  it("takes away what went while Home Assistant was away when it is back and can hear of it", async () => {
    await using stage = await Stage.start(kind);
    stage.describeAgent();
    await stage.declare(N1, { ...FULL, id: nodeId("n2") });
    await stage.bridge("device");
    await stage.stands(DEVICE);
    await stage.ears.publish(written.status, {}, { state: "offline" });
    stage.inventory.retain(nodeDescription, { node: N1.id }, undefined);
    stage.inventory.retain(
      nodeDescription,
      { node: nodeId("n2") },
      { ...FULL, id: nodeId("n2"), name: "Renamed", labels: {} },
    );
    const other = "homeassistant/device/outrider_node_n2/config";
    await eventually("the rename is said", () => {
      const config = stage.standing.get(other);
      return config?.device?.["name"] === "Renamed" && config.components?.["power"];
    });
    expect(stage.standing.has(DEVICE)).toBe(true);
    await stage.ears.publish(written.status, {}, { state: "online" });
    await stage.gone(DEVICE);
    await eventually("control is gone", () => {
      const { components = {} } = stage.standing.get(other) ?? {};
      return !("power" in components) && "powered" in components;
    });
  });

  it("says all again when Home Assistant starts", async () => {
    await using stage = await Stage.start(kind);
    stage.describeAgent();
    await stage.declare(N1);
    await stage.bridge("device");
    await stage.stands(DEVICE);
    const before = stage.heard.filter(({ topic }) => topic === DEVICE).length;
    await stage.ears.publish(written.status, {}, { state: "online" });
    await eventually(
      "it is said again",
      () => stage.heard.filter(({ topic }) => topic === DEVICE).length > before,
    );
  });

  it.each([
    ["entity", "device", SWITCH, DEVICE],
    ["device", "entity", DEVICE, SWITCH],
  ] as const)("leads from the %s form to the %s form", async (from, to, old, next) => {
    await using stage = await Stage.start(kind);
    stage.describeAgent();
    await stage.declare(N1);
    await stage.bridge(from);
    await stage.stands(old);
    await stage.stopBridge();
    const before = stage.heard.length;
    await stage.bridge(to);
    await stage.stands(next);
    await eventually("nothing of the old form is left", () =>
      [...stage.standing.keys()].every((topic) => formOf(topic) === to),
    );
    const steps = stage.heard
      .slice(before)
      .filter(({ topic }) => topic === old || topic === next)
      .map(({ topic, config }) =>
        topic === next ? "said" : config ? Object.keys(config).join() : "cleared",
      );
    expect(steps).toEqual(["migrate_discovery", "said", "cleared"]);
  });

  it("says all again to a broker that has forgotten everything", async () => {
    await using stage = await Stage.start(kind);
    stage.describeAgent();
    await stage.declare(N1);
    await stage.bridge("device");
    await stage.stands(DEVICE);
    const before = stage.heard.length;
    await stage.broker.restart();
    await eventually("it is said again", () =>
      stage.heard.slice(before).some(({ topic, config }) => topic === DEVICE && config),
    );
  });
});

function formOf(topic: string): Form {
  return topic.startsWith("homeassistant/device/") ? "device" : "entity";
}

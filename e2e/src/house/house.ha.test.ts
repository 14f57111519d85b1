import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { topicOf } from "@outrider/contracts/contract";
import { homeAssistantObject } from "@outrider/contracts/home-assistant";
import { powerSet } from "@outrider/contracts/power";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { NodeUnderTest } from "../node-under-test.js";
import { House, type HouseNode } from "./house.js";
import type { HomeAssistant } from "./home-assistant.js";
import { programOf, RELEASES } from "./releases.js";

const CONTROL = { "home-assistant": "control" };
const NODES: Readonly<Record<string, HouseNode>> = {
  n1: { slot: 1, name: "Storage one", labels: { ...CONTROL, area: "Cellar" } },
  n2: { slot: 2, name: "Only to look at" },
  n3: { slot: 3, labels: { "home-assistant": "hidden" } },
};

const BLUEPRINTS = fileURLToPath(
  new URL("../../../deploy/home-assistant/blueprints", import.meta.url),
);

const WEBHOOK = "outrider-messages-of-the-lab";

/** One automation by each blueprint, on things of this house. */
const AUTOMATIONS = [
  `input_boolean: ${JSON.stringify({ fan: {}, film: {}, alarmed: {} })}`,
  `input_text: ${JSON.stringify({ told: { max: 255 } })}`,
  // As every installation has it by default_config.
  "webhook:",
  `automation: ${JSON.stringify([
    automation("cool-the-rack", {
      temperatures: ["sensor.n1_board_temperature"],
      powers: ["switch.n1_power"],
      fan: "input_boolean.fan",
      // A machine of the rack is at 72 °C while it runs, and far below when it does not.
      warm: 60,
      cool: 40,
      minutes: 0,
    }),
    automation("wake-a-node", {
      reason: "input_boolean.film",
      node: "switch.n1_power",
      minutes: 0,
    }),
    automation("console-panic", {
      events: ["event.n1_events", "event.n2_events"],
      actions: [
        { service: "input_boolean.turn_on", target: { entity_id: "input_boolean.alarmed" } },
      ],
    }),
    automation("messages", {
      webhook: WEBHOOK,
      severities: ["Critical"],
      actions: [
        {
          service: "input_text.set_value",
          target: { entity_id: "input_text.told" },
          data: {
            value:
              "{{ states('input_text.told') }} {{ title }}: {{ text }} ({{ kind }}, {{ nodes | length }}).",
          },
        },
      ],
    }),
  ])}`,
].join("\n");

function automation(name: string, input: object): object {
  return { alias: name, use_blueprint: { path: `outrider/${name}.yaml`, input } };
}

const cases = RELEASES.flatMap((release) => {
  const program = programOf(release);
  return (
    [
      { protocol: "3.1.1", broker: "outrider" },
      { protocol: "5", broker: "outrider" },
      { protocol: "5", broker: "mosquitto" },
    ] as const
  ).map((way) => ({ ...release, ...way, program }));
});

for (const { version, program = "", form, protocol, broker } of cases) {
  describe.skipIf(program === "")(
    `Home Assistant ${version} by MQTT ${protocol} on ${broker}`,
    () => {
      let house: House;
      let home: HomeAssistant;

      beforeAll(async () => {
        house = await House.start({ nodes: NODES, form, broker });
        home = await house.startHome(program, protocol, {
          more: AUTOMATIONS,
          blueprints: BLUEPRINTS,
        });
        await home.is("switch.n1_power", "off");
      });

      afterEach(({ task }) => {
        if (task.result?.state === "fail") process.stderr.write(house.lastWords());
      });

      afterAll(async () => {
        await house?.[Symbol.asyncDispose]();
      });

      const hasNo = (node: string) =>
        eventually(
          `the device of ${node} is gone`,
          async () =>
            (await home.devices()).every(({ identifiers }) =>
              identifiers.every(([, id]) => id !== homeAssistantObject("node", node)),
            ),
          { withinMs: 60_000, everyMs: 100 },
        );

      it("shows each node with what it can do, and no more", async () => {
        const ids = (await home.entities()).map(({ entity_id }) => entity_id);
        const acting = ids.filter((id) => /^(switch|button|select)\./.test(id)).toSorted();
        expect(acting).toEqual([
          "button.n1_force_off",
          "button.n1_force_restart",
          "button.n1_graceful_restart",
          "button.n1_identify",
          "button.n1_nmi",
          "button.n1_power_cycle",
          "button.n1_push_power_button",
          "switch.n1_power",
        ]);
        expect(ids).toContain("binary_sensor.n2_powered");
        expect(ids.filter((id) => id.includes("n3"))).toEqual([]);
      });

      it("has every entity of the example of a dashboard", async () => {
        const example = await readFile(join(BLUEPRINTS, "..", "lovelace.yaml"), "utf8");
        const named = example.match(/\b(switch|button|sensor|binary_sensor)\.(?!press)\w+/g) ?? [];
        expect(named.length).toBeGreaterThan(10);
        const ids = (await home.entities()).map(({ entity_id }) => entity_id);
        expect(ids).toEqual(expect.arrayContaining(named));
      });

      it("shows classes and units as they are", async () => {
        const voltage = await home.until(
          "sensor.n1_board_voltage",
          "there",
          (one) => one !== undefined,
        );
        expect(voltage?.attributes).toMatchObject({
          device_class: "voltage",
          state_class: "measurement",
          unit_of_measurement: "V",
          friendly_name: "Storage one Board voltage",
        });
        expect((await home.state("sensor.n1_board_temperature"))?.attributes).toMatchObject({
          device_class: "temperature",
          unit_of_measurement: "°C",
        });
        expect((await home.state("sensor.n1_supply"))?.attributes).toMatchObject({
          device_class: "enum",
          // Read by releases that read devices.
          ...(form === "device"
            ? { options: expect.arrayContaining(["On", "Off", "Unknown"]) }
            : {}),
          evidence: "ReadBack",
        });
      });

      it("hangs nodes on their agent, and that on the site", async () => {
        const devices = await home.devices();
        const device = (object: string) =>
          devices.find(({ identifiers }) => identifiers.some(([, id]) => id === object));
        const agent = device(homeAssistantObject("agent", "rack-a"));
        expect(device(homeAssistantObject("node", "n1"))?.via_device_id).toBe(agent?.id);
        expect(agent?.via_device_id).toBe(device(homeAssistantObject("site", "outrider"))?.id);
        await home.is("binary_sensor.agent_rack_a_connection", "on");
        await home.is("binary_sensor.outrider_service_power", "on");
      });

      it("switches a node on, and off by asking its system", async () => {
        const node = await house.node("n1");
        await home.call("switch.turn_on", "switch.n1_power");
        await home.is("switch.n1_power", "on");
        await home.is("sensor.n1_supply", "On");
        await node.result(
          "it is on",
          ({ action, status }) => action === "On" && status === "Succeeded",
        );
        await eventually(
          "its host runs",
          async () => (await home.state("sensor.n1_host"))?.state === "Running",
        );
        await home.call("switch.turn_off", "switch.n1_power");
        const ended = await node.result(
          "it is down",
          (one) => one.action === "GracefulShutdown" && one.terminal,
        );
        expect(ended.status).toBe("Succeeded");
        await home.is("switch.n1_power", "off");
        expect(node.results().map(({ action }) => action)).not.toContain("ForceOff");
      });

      it("acts once for a press, and again for the next", async () => {
        await home.call("switch.turn_on", "switch.n1_power");
        await home.is("sensor.n1_host", "Running");
        const node = await house.node("n1");
        await home.press("button.n1_power_cycle");
        await node.result("the cycle", (one) => one.action === "PowerCycle" && one.terminal);
        expect(await edgesOf(node)).toEqual(["supply-off", "supply-on"]);
        await home.press("button.n1_power_cycle");
        await eventually(
          "the second cycle",
          () => {
            const ids = node.results().filter((one) => one.action === "PowerCycle" && one.terminal);
            return new Set(ids.map(({ id }) => id)).size === 2;
          },
          { withinMs: 60_000 },
        );
        expect(await edgesOf(node)).toEqual(["supply-off", "supply-on", "supply-off", "supply-on"]);
      });

      it("acts once for a press whose message comes twice", async () => {
        await home.is("sensor.n1_host", "Running");
        const node = await house.node("n1");
        const after = house.bus.mark();
        await home.press("button.n1_power_cycle");
        const topic = topicOf(powerSet, { node: "n1" });
        const sent = await eventually("what it has sent", () =>
          house.bus.heard.slice(after).find((one) => one.topic === topic),
        );
        expect(sent.payload).toMatchObject({
          action: "PowerCycle",
          id: expect.stringMatching(/^ha-[\d.]+-\d+$/),
        });
        await node.result("the cycle", (one) => one.action === "PowerCycle" && one.terminal);
        await node.set(sent.payload as object);
        const { id } = sent.payload as { readonly id: string };
        await eventually(
          "it is answered again",
          () =>
            house.bus.heard
              .slice(after)
              .filter(
                (one) =>
                  (one.payload as { id?: string; terminal?: boolean } | undefined)?.terminal &&
                  (one.payload as { id?: string }).id === id,
              ).length > 1,
        );
        expect(await edgesOf(node)).toEqual(["supply-off", "supply-on"]);
      });

      it("wakes a node and lets it go by a blueprint, and cools the rack by another", async () => {
        for (const name of ["cool_the_rack", "wake_a_node", "console_panic"])
          await home.is(`automation.${name}`, "on");
        const node = await house.node("n1");
        await home.call("input_boolean.turn_on", "input_boolean.film");
        await home.is("switch.n1_power", "on");
        await home.is("sensor.n1_host", "Running");
        await home.until("sensor.n1_board_temperature", "warm", (one) => Number(one?.state) >= 60);
        await home.is("input_boolean.fan", "on");
        await home.call("input_boolean.turn_off", "input_boolean.film");
        await home.is("switch.n1_power", "off");
        const down = await node.result(
          "it is down",
          (one) => one.action === "GracefulShutdown" && one.terminal,
        );
        await home.is("input_boolean.fan", "off");

        // Who is off needs no temperature; who is on does.
        await home.pretend("sensor.n1_board_temperature", "unknown");
        expect(await home.state("input_boolean.fan")).toMatchObject({ state: "off" });
        const before = await home.state("input_boolean.fan");
        await home.pretend("switch.n1_power", "on");
        await home.pretend("sensor.n1_board_temperature", "unavailable");
        // It may be off again by now, for the sensor goes on reporting.
        await home.until(
          "input_boolean.fan",
          "switched on",
          (one) => one?.last_changed !== before?.last_changed,
        );
        await home.call("switch.turn_on", "switch.n1_power");
        await home.is("sensor.n1_host", "Running");

        // Somebody else has switched it on: a reason that is away and comes back, still off, ends nothing.
        const woken = (await home.state("automation.wake_a_node"))?.attributes["last_triggered"];
        const shutdowns = () =>
          node.results().filter((one) => one.action === "GracefulShutdown").length;
        const asked = shutdowns();
        await home.pretend("input_boolean.film", "unavailable");
        await home.pretend("input_boolean.film", "off");
        await home.pretend("input_boolean.film", "off", { friendly_name: "Another film" });
        const after = await home.state("automation.wake_a_node");
        expect(after?.attributes["last_triggered"]).toBe(woken);
        // One that is off by being away first is over.
        await home.pretend("input_boolean.film", "on");
        await home.until(
          "automation.wake_a_node",
          "triggered",
          (one) => one?.attributes["last_triggered"] !== woken,
        );
        await home.is("switch.n1_power", "on");
        expect(shutdowns()).toBe(asked);
        await home.pretend("input_boolean.film", "unavailable");
        await home.pretend("input_boolean.film", "off");
        await home.is("switch.n1_power", "off");
        await node.result(
          "it is down again",
          (one) => one.action === "GracefulShutdown" && one.terminal && one.id !== down.id,
        );
        await home.call("switch.turn_on", "switch.n1_power");
      });

      it("passes messages on by a blueprint", async () => {
        const message = (severity: string, title: string) => ({
          id: title,
          kind: "raised",
          severity,
          title,
          text: "3 nodes: no sign of life",
          nodes: ["n1", "n2", "n3"],
        });
        for (const [severity, title] of [
          ["Critical", "First"],
          // Is not asked for.
          ["Warning", "Second"],
          ["Critical", "Third"],
        ] as const)
          await home.hook(WEBHOOK, message(severity, title));
        const told = await home.until(
          "input_text.told",
          "told",
          (one) => one?.state.includes("Third") === true,
        );
        expect(told?.state.replace(/^unknown /, "").trim()).toBe(
          "First: 3 nodes: no sign of life (raised, 3). Third: 3 nodes: no sign of life (raised, 3).",
        );
      });

      it("lets the lamp shine", async () => {
        await home.press("button.n1_identify");
        await eventually("it shines", async () => (await house.rack.client.lamp(1)).on);
      });

      it("hears what happens, once as an event and once by its trigger", async () => {
        const device = (await home.devices()).find(({ name }) => name === "Storage one");
        const trigger = await home.triggered({
          platform: "device",
          domain: "mqtt",
          device_id: device?.id,
          type: "event",
          subtype: "console-panic",
          ...(await discoveryOf(home, device?.id ?? "")),
        });
        await house.tell("n1", "console-panic", "Kernel panic - not syncing");
        await home.until(
          "event.n1_events",
          "told",
          (one) => one?.attributes["event_type"] === "console-panic",
        );
        await eventually("the trigger", () => trigger.times() === 1);
        trigger.close();
        await home.is("input_boolean.alarmed", "on");
        await house.tell("n1", "never-heard-of", "something new");
        const other = await home.until(
          "event.n1_events",
          "told of something else",
          (one) => one?.attributes["event_type"] === "other",
        );
        expect(other?.attributes).toMatchObject({
          kind: "never-heard-of",
          message: "something new",
        });
      });

      it("keeps the buttons of a node that hangs, and shows that it does not live", async () => {
        await home.is("sensor.n1_host", "Running");
        await home.is("binary_sensor.n1_connectivity", "on");
        await house.rack.client.guest(1, "panic");
        await home.is("binary_sensor.n1_connectivity", "off");
        const node = await house.node("n1");
        await home.press("button.n1_force_restart");
        await node.result("the reset", (one) => one.action === "ForceRestart" && one.terminal);
        await home.is("binary_sensor.n1_connectivity", "on");
      });

      it("cannot act while the agent is away, and shows no old value as a new one", async () => {
        const problem = "binary_sensor.agent_rack_a_problem";
        await home.is("switch.n1_power", "on");
        await home.is(problem, "off");
        await house.part("agent").kill();
        await home.is("switch.n1_power", "unavailable");
        await home.is("button.n1_power_cycle", "unavailable");
        await home.is("binary_sensor.agent_rack_a_connection", "off");
        await home.is("sensor.n1_supply", "Unknown");
        expect((await home.is(problem, "on"))?.attributes).toMatchObject({
          device_class: "problem",
          health: "Critical",
          alarms: [{ subject: "agent:rack-a", id: "agent-away", severity: "Critical" }],
        });
        await house.part("agent").start();
        await home.is("switch.n1_power", "on");
        await home.is("binary_sensor.agent_rack_a_connection", "on");
        await home.is(problem, "off");
      });

      it("cannot act while the power service is away", async () => {
        await house.part("power").kill();
        await home.is("switch.n1_power", "unavailable");
        await home.is("binary_sensor.outrider_service_power", "off");
        await house.part("power").start();
        await home.is("switch.n1_power", "on");
      });

      it("finds everything again when it is started anew, and so does the bridge", async () => {
        const before = idsOf(await home.entities());
        await home.restart();
        await home.is("switch.n1_power", "on");
        await house.part("home-assistant").kill();
        await house.part("home-assistant").start();
        await home.restart();
        await home.is("switch.n1_power", "on");
        await house.part("home-assistant").restart();
        await home.is("switch.n1_power", "on");
        expect(idsOf(await home.entities())).toEqual(before);
      });

      it("loses nothing with the broker", async () => {
        const before = idsOf(await home.entities());
        await house.killBroker();
        await home.is("switch.n1_power", "unavailable");
        await house.startBroker();
        await home.is("switch.n1_power", "on");
        const node = await house.node("n1");
        await home.press("button.n1_force_restart");
        await node.result("the reset", (one) => one.action === "ForceRestart" && one.terminal);
        expect(idsOf(await home.entities())).toEqual(before);
      });

      it("keeps a renamed node's history: other words, the same entities", async () => {
        const before = idsOf(await home.entities());
        await house.changeSite({ ...NODES, n1: { ...NODES["n1"], slot: 1, name: "Storage uno" } });
        await eventually("its new name", async () =>
          (await home.devices()).some(({ name }) => name === "Storage uno"),
        );
        expect(idsOf(await home.entities())).toEqual(before);
      });

      it("takes control away where the label goes, and gives it where it comes", async () => {
        await house.changeSite({
          n1: { slot: 1, name: "Storage one" },
          n2: { slot: 2, labels: CONTROL },
        });
        await home.isGone("switch.n1_power");
        await home.isGone("button.n1_power_cycle");
        await home.until("binary_sensor.n1_powered", "there", (one) => one !== undefined);
        await home.until("switch.n2_power", "there", (one) => one !== undefined);
        await home.isGone("binary_sensor.n2_powered");
      });

      it("forgets a node that went while Home Assistant was down", async () => {
        const stays = { n1: { slot: 1, name: "Storage one" }, n2: { slot: 2, labels: CONTROL } };
        await house.changeSite({ ...stays, n4: { slot: 4 } });
        await home.until("sensor.n4_supply", "there", (one) => one !== undefined);
        await home.stop();
        await house.changeSite({ n1: { slot: 1 }, n2: { slot: 2, labels: CONTROL } });
        await home.start();
        await hasNo("n4");
        await home.isGone("sensor.n4_supply");
        await home.until("sensor.n1_supply", "there", (one) => one !== undefined);
      });

      it("forgets a node that is not there any more, also one that went while the bridge was away", async () => {
        await house.part("home-assistant").stop();
        await house.changeSite({ n1: { slot: 1, name: "Storage one" } });
        await house.part("home-assistant").start();
        await home.isGone("switch.n2_power");
        await eventually("the device has gone", async () =>
          (await home.devices()).every(({ identifiers }) =>
            identifiers.every(([, id]) => id !== homeAssistantObject("node", "n2")),
          ),
        );
        await home.until("sensor.n1_supply", "there", (one) => one !== undefined);
      });
    },
  );
}

async function edgesOf(node: NodeUnderTest): Promise<string[]> {
  return (await node.edges()).map(({ edge }) => edge);
}

function idsOf(
  entries: readonly { readonly entity_id: string; readonly unique_id: string }[],
): string[] {
  return entries.map(({ entity_id, unique_id }) => `${entity_id} ${unique_id}`).toSorted();
}

/** What its pages add to a trigger that they let people choose. */
async function discoveryOf(home: HomeAssistant, device: string): Promise<object> {
  const triggers = (await home.ask({
    type: "device_automation/trigger/list",
    device_id: device,
  })) as readonly {
    readonly domain: string;
    readonly subtype?: string;
    readonly discovery_id?: string;
  }[];
  const found = triggers.find(
    ({ domain, subtype }) => domain === "mqtt" && subtype === "console-panic",
  );
  return found?.discovery_id === undefined ? {} : { discovery_id: found.discovery_id };
}

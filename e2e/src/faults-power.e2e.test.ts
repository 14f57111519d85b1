import { agentStatus } from "@outrider/contracts/agent";
import { POWER_FAILPOINTS } from "@outrider/power-service/runs";
import { startNode } from "@outrider/testing/child";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Deployment } from "./deployment.js";
import { judge, lastWord, Matrix, MATRIX_ACTIONS, nodeOf, prepare } from "./faults/judge.js";
import { StopPoint, stopsAt } from "./faults/stopping.js";
import { watched } from "./watched.js";

const ACCEPTING: readonly string[] = [
  "power.before-accept",
  "power.accepted",
  "power.told-accepted",
];

describe.skipIf(!hasMosquittoClients())("at every step of the power service (P1, P5, P8)", () => {
  let lab: Deployment;
  const matrix = new Matrix("at a step of the power service");
  beforeAll(async () => {
    const nodes = MATRIX_ACTIONS.map(nodeOf);
    lab = await Deployment.start({
      rack: nodes.map(() => "normal" as const),
      rackTimes: { bootMs: 50, shutdownMs: 200 },
      nodes: Object.fromEntries(
        nodes.map((node, at) => [node, { rack: at + 1, dwell: "300ms", gracefulLimit: "6s" }]),
      ),
    });
  });
  afterAll(async () => {
    matrix.print();
    await lab?.[Symbol.asyncDispose]();
  });
  watched(() => lab);

  test.for(POWER_FAILPOINTS)("%s, the service is killed", async (point) => {
    let isArmed = false;
    for (const action of MATRIX_ACTIONS) {
      const node = lab.node(nodeOf(action));
      if (!isArmed) await lab.restartPower({ OUTRIDER_FAILPOINT: point });
      await prepare(node, action, lab.rack);
      await node.mark();
      const id = await node.ask(action);
      expect((await lab.power.exited).signal).toBe("SIGKILL");
      const after = lab.bus.mark();
      // What is taken up does not pass the points of acceptance: the next one may be in store already.
      isArmed = ACCEPTING.includes(point) && action !== MATRIX_ACTIONS.at(-1);
      await lab.power.start(isArmed ? { OUTRIDER_FAILPOINT: point } : {});
      await lab.managed(after);
      const row = `kill service ${point}`;
      if (point === "power.before-accept") {
        // Nothing of it was kept: nobody was told that it is accepted, and nothing was done.
        expect(node.results()).toEqual([]);
        expect(await node.edgeNames()).toEqual([]);
        matrix.set(row, action, "not accepted, no edge");
      } else {
        matrix.set(row, action, await judge(node, action, await lastWord(node, action, id)));
      }
    }
  });

  test.for(POWER_FAILPOINTS)("%s, the broker is killed", async (point) => {
    // Each action passes a point once before the next is asked for; only sending is repeated at each connection.
    const isCounted = point !== "power.issued";
    const stops = MATRIX_ACTIONS.map(
      (_, at) => new StopPoint(point, lab.data, isCounted ? at + 1 : 1),
    );
    if (isCounted) await lab.restartPower(stopsAt(stops));
    for (const [at, action] of MATRIX_ACTIONS.entries()) {
      const node = lab.node(nodeOf(action));
      const stop = stops.slice(at, at + 1);
      if (!isCounted) await lab.restartPower(stopsAt(stop));
      await prepare(node, action, lab.rack);
      await node.mark();
      const id = await node.ask(action);
      for (const one of stop) await one.reached(lab.power);
      const after = lab.bus.mark();
      await lab.broker.restart();
      // Heard by the listener, which is thus back too.
      await lab.bus.next(agentStatus, { agent: "lab" }, ({ state }) => state === "ready", after);
      lab.power.signal("SIGCONT");
      const result = await lastWord(node, action, id);
      matrix.set(`kill broker  ${point}`, action, await judge(node, action, result));
      await lab.managed(after);
    }
  });

  test("P7: a second service of the same deployment does not start, and says who holds it", async () => {
    await lab.restartPower();
    const second = startNode(import.meta.resolve("@outrider/power-service/main"), {
      env: { OUTRIDER_DATA: lab.data, OUTRIDER_MQTT_URL: lab.url, OUTRIDER_SITE: lab.siteFile },
    });
    await expect(second).rejects.toThrow(/power/);
    await expect(second).rejects.toThrow(/held|active|another|already/i);
    expect(lab.power.running).toBe(true);
  });
});

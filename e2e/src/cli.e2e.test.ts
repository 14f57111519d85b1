import { startNode } from "@outrider/testing/child";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Deployment } from "./deployment.js";
import { watched } from "./watched.js";

let lab: Deployment;

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** Runs `outrider …` as the operator, or as who is given. */
async function outrider(words: string, who?: Readonly<Record<string, string>>): Promise<Said> {
  const env = who ?? {
    OUTRIDER_USER: "operator",
    OUTRIDER_SECRET_FILE: lab.identities.secretFile("person", "operator"),
  };
  const child = await startNode(import.meta.resolve("@outrider/cli/main"), {
    args: words.split(" "),
    env: { OUTRIDER_MQTT_URL: lab.url, ...env },
    ready: "none",
  });
  const { code } = await child.exited;
  return { code, out: child.lines.join("\n"), error: child.stderr() };
}

describe.skipIf(!hasMosquittoClients())("the command line, against everything", () => {
  beforeAll(async () => {
    lab = await Deployment.start({
      rack: ["normal", "normal", "ignores-button"],
      nodes: {
        n1: { rack: 1 },
        n2: { rack: 2 },
        n3: { rack: 3, gracefulLimit: "1s" },
      },
    });
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());
  watched(() => lab);

  test("acts on several nodes, and shows them", async () => {
    expect(await outrider("power on n1 n2 n3")).toMatchObject({ code: 0, error: "" });
    expect(await outrider("power cycle n1")).toMatchObject({
      code: 0,
      out: "n1: PowerCycle Succeeded",
    });
    expect(await lab.node("n1").edgeNames()).toEqual([
      "supply-on/api",
      "supply-off/api",
      "supply-on/api",
    ]);
    await lab.node("n1").settles("On", "Running");
    const { code, out } = await outrider("get nodes");
    expect(code).toBe(0);
    expect(out.split("\n").filter((line) => /^n[123]\s.*\bOn\b/.test(line))).toHaveLength(3);
    const status = await outrider("power status n1 -o json");
    expect(JSON.parse(status.out)).toMatchObject([
      { node: "n1", power: { supply: { value: "On", evidence: "ReadBack", stale: false } } },
    ]);
  });

  test("ends with a number that scripts can use", async () => {
    const codes: Record<string, number | null> = {};
    for (const words of [
      "power on n1",
      "power explode n1",
      "power on nobody",
      "power on n1 nobody",
      "power shutdown n3",
    ]) {
      codes[words] = (await outrider(words)).code;
    }
    expect(codes).toEqual({
      "power on n1": 0,
      "power explode n1": 2,
      "power on nobody": 5,
      "power on n1 nobody": 3,
      "power shutdown n3": 6,
    });
    const nobody = await outrider("get nodes", {});
    expect([nobody.code, nobody.error]).toEqual([
      4,
      expect.stringContaining("OUTRIDER_SECRET_FILE"),
    ]);
    await lab.agent().stop();
    expect((await outrider("power on n1")).code).toBe(7);
    await lab.power.stop();
    expect((await outrider("power on n1")).code).toBe(7);
    await lab.broker.stop();
    expect((await outrider("get nodes")).code).toBe(7);
  });
});

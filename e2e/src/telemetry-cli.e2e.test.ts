import { join } from "node:path";
import type { NodeSensors } from "@outrider/contracts/telemetry-pages";
import { startLab, type Lab } from "@outrider/gateway-service/testing/lab";
import { startNode, type Child } from "@outrider/testing/child";
import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasTerminal, Terminal } from "./terminal.js";

const CLI = import.meta.resolve("@outrider/cli/main");
const CTRL_C = "\u0003";

/** A machine that is on draws more than this. */
const ALARMS = `
alarms:
  draws: { kind: threshold, sensor: supply, quantity: powerWatts, upper: { warning: 0.5 } }
`;

let lab: Lab;
/** The telemetry service that runs now. */
let telemetry: Child;

beforeAll(async () => {
  lab = await startLab({ nodes: 3, sensors: true, site: ALARMS });
  ({ telemetry } = lab);
});
afterAll(async () => {
  await telemetry?.kill();
  await lab?.[Symbol.asyncDispose]();
});
beforeRetry(async () => {
  if (!telemetry.running) await startTelemetry();
  // An alarm that somebody has seen is over, and comes again.
  await outrider("power off n1 -y");
  await eventually("no alarm stands", async () => {
    const { code, lines } = await outrider("alarms n1");
    return code === 0 && !lines.some((line) => line.startsWith("n1/draws"));
  });
});

async function startTelemetry(): Promise<void> {
  const program = import.meta.resolve("@outrider/telemetry-service/main");
  telemetry = await startNode(program, { env: lab.env, readyWithinMs: 60_000 });
}

function environment(): Record<string, string> {
  return { OUTRIDER_URL: lab.url, XDG_CONFIG_HOME: join(lab.data, "..", "config") };
}

interface Said {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly error: string;
}

/** Runs `outrider …` where nobody can be asked. */
async function outrider(words: string): Promise<Said> {
  const child = await startNode(CLI, {
    args: words.split(" "),
    env: environment(),
    ready: "none",
  });
  const { code } = await child.exited;
  return { code, lines: child.lines, error: child.stderr() };
}

describe("what nodes feel, at the command line", () => {
  test("is what the wire says, from one end to the other", async () => {
    expect((await outrider("power on n1")).code).toBe(0);
    const shown = await eventually(
      "n1 draws power",
      async () => {
        const { lines } = await outrider("sensors n1 --quantity voltageVolts,powerWatts");
        return lines.some((line) => /powerWatts +[1-9][\d.]* W +\d+s$/.test(line)) && lines;
      },
      { withinMs: 60_000 },
    );
    expect(shown[0]).toMatch(/^NODE +SENSOR +QUANTITY +VALUE +AGE +NOTE$/);
    expect(shown).toHaveLength(3);
    await eventually("its host lives", async () => {
      const { lines } = await outrider("sensors n1 --sensor slot");
      return lines.some((line) => /^n1 +slot +heartbeat \(activity\) +alive +\d+s/.test(line));
    });
    const all = await outrider("sensors @all -o json");
    const nodes = JSON.parse(all.lines.join("\n")) as NodeSensors[];
    expect(nodes.map(({ node }) => node)).toEqual(["n1", "n2", "n3"]);
    expect((await outrider("sensors @nobody")).code).toBe(5);
  });

  test("is kept, and comes as numbers and as CSV", async () => {
    const lines = await eventually("there is a history", async () => {
      const { lines: found } = await outrider("sensors n1 --history 10m --quantity powerWatts");
      return found.some((line) => /^n1 +supply +powerWatts +[\d.]+ W( +[\d.]+ W){3}$/.test(line))
        ? found
        : undefined;
    });
    expect(lines).toHaveLength(2);
    const csv = await outrider("sensors n[1-3] --history 10m --every raw --csv");
    expect(csv.lines[0]).toBe("time,node,sensor,quantity,unit,value");
    for (const node of ["n1", "n2", "n3"]) {
      expect(csv.lines.filter((line) => line.split(",")[1] === node).length).toBeGreaterThan(3);
    }
    const refused = await outrider("sensors n1 --history 800d");
    expect([refused.code, refused.error]).toEqual([2, expect.stringContaining("a year apart")]);
  });

  test.skipIf(!hasTerminal())("is watched in its place until Ctrl-C", async () => {
    await using at = Terminal.run(CLI, ["sensors", "n1", "-w"], {
      ...process.env,
      ...environment(),
    });
    await at.shows(/\u001b\[HNODE[^]*powerWatts[^]*\u001b\[J[^]*\u001b\[HNODE/);
    at.type(CTRL_C);
    expect(await at.exited).toBe(130);
  });

  test("is an alarm where the site says so, which somebody sees, and which ends", async () => {
    const standing = async (): Promise<string | undefined> =>
      (await outrider("alarms n1")).lines.find((line) => line.startsWith("n1/draws"));
    expect((await outrider("power on n1")).code).toBe(0);
    const raised = await eventually("it is raised", standing, { withinMs: 60_000 });
    expect(raised).toMatch(/^n1\/draws +Warning +\d+s +stands +power/);
    expect((await outrider("get nodes n1 -o json")).lines.join("")).toContain('"draws"');
    const seen = await outrider("alarms ack n1/draws --comment looking");
    expect(seen).toMatchObject({ code: 0, lines: ["n1/draws: seen"] });
    expect(await standing()).toContain("seen by person:anonymous (looking)");
    expect((await outrider("alarms ack n1/nothing")).code).toBe(5);
    expect((await outrider("power off n1 -y")).code).toBe(0);
    await eventually("it is over", async () => (await standing()) === undefined);
    const { lines } = await outrider("alarms n1 --all");
    expect(lines.find((line) => line.startsWith("n1/draws"))).toMatch(/over for \d+s/);
  });

  test("and what happened is in the log, also after a restart", async () => {
    const kinds = async (): Promise<readonly string[]> => {
      const { lines } = await outrider("events n1 --since 1h -o json");
      return (JSON.parse(lines.join("\n")) as { kind: string }[]).map(({ kind }) => kind);
    };
    const before = await eventually("alarm and power are written down", async () => {
      const found = await kinds();
      return found.some((kind) => kind.includes("alarm")) &&
        found.some((kind) => kind.includes("power"))
        ? found
        : undefined;
    });
    await telemetry.kill("SIGKILL");
    await startTelemetry();
    const after = await eventually("the log can be read again", async () => {
      const { code } = await outrider("events n1");
      return code === 0 ? await kinds() : undefined;
    });
    expect(after.slice(0, before.length)).toEqual(before);
    const csv = await outrider("events n1 --csv");
    expect(csv.lines[0]).toBe("time,subject,severity,kind,message");
    expect(csv.lines.length).toBeGreaterThan(before.length);
  });
});

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SUSHY_USER, sushy } from "@outrider/drivers/testing/sushy";
import { eventually } from "@outrider/testing/eventually";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { outrider, type Said } from "./consoles/command-line.js";
import { CANARIES, filesBelow, spellings, Tap } from "./control-interfaces/canaries.js";
import { Devices } from "./control-interfaces/devices.js";
import { Deployment } from "./deployment.js";
import type { Rest } from "./fleet/rest.js";
import { watched } from "./watched.js";

const bin = await sushy();
const skip = !hasMosquittoClients() || bin === undefined;

let devices: Devices;
let lab: Deployment;
let rest: Rest;
const tap = new Tap();
/** All that people were told on the command line. */
const said: Said[] = [];

async function run(words: string): Promise<Said> {
  const answer = await outrider(rest, ...words.split(" "));
  said.push(answer);
  return answer;
}

/** Every question that REST knows without a parameter but these, and what it answers. */
async function allAnswers(): Promise<Map<string, string>> {
  const openApi = await rest.get<{ paths: Record<string, object> }>("/openapi.json");
  const paths = Object.entries(openApi.paths)
    .filter(([path, methods]) => "get" in methods && !/\/events(\/ws)?$|\/attach$/.test(path))
    .flatMap(([path]) =>
      Object.keys(devices.nodes).map((node) =>
        path
          .replace(/^\/api\/v1/, "")
          .replace("{node}", node)
          .replace("{agent}", "lab")
          .replace("{user}", "operator"),
      ),
    )
    .filter((path) => !path.includes("{"));
  const services = ["power", "inventory", "gateway"].map((name) => `/services/${name}/metrics`);
  const answers = new Map<string, string>();
  for (const path of new Set([...paths, ...services])) {
    if (path.endsWith("/live")) {
      answers.set(path, await rest.begun(`${path}?nodes=${Object.keys(devices.nodes).join(",")}`));
      continue;
    }
    const answer = await fetch(`${rest.url}/api/v1${path}`, {
      headers: { authorization: `Bearer ${rest.token}` },
      signal: AbortSignal.timeout(20_000),
    });
    answers.set(path, await answer.text());
  }
  return answers;
}

describe.skipIf(skip)("nodes on a PoE switch, a PDU, a BMC and a plug, by `outrider`", () => {
  beforeAll(async () => {
    devices = await Devices.start(bin ?? "");
    lab = await Deployment.start({
      nodes: devices.nodes,
      gateway: true,
      cuttable: ["agent", "power", "inventory"],
      tap: tap.hear,
      environment: { agent: devices.environment },
    });
    rest = await lab.rest();
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await devices?.[Symbol.asyncDispose]();
  });
  watched(() => lab);

  test("`power cycle` of a PoE port: off, read back, on, and its watts are reported", async () => {
    const node = lab.node("poe-good");
    await node.isOff();
    expect(await run("power on poe-good")).toMatchObject({ code: 0, out: "poe-good: Succeeded" });
    expect(await run("power cycle poe-good")).toMatchObject({ code: 0 });
    expect(await node.edgeNames()).toEqual(["supply-on/api", "supply-off/api", "supply-on/api"]);
    await node.settles("On");
    const { drawWatts } = await node.slotView();
    expect(drawWatts).toBeGreaterThan(0);
    // Between agent and power service; nobody else is told of single nodes.
    await eventually("the port's watts are reported", () =>
      tap.streams.some((bytes) => bytes.includes(`"drawWatts":${drawWatts}`)),
    );
  });

  test("a port that gives power late is waited for", async () => {
    const node = lab.node("poe-slow");
    await node.isOff();
    expect(await run("power on poe-slow")).toMatchObject({ code: 0, out: "poe-slow: Succeeded" });
    expect(await node.edgeNames()).toEqual(["supply-on/api"]);
    expect((await node.slotView()).supply).toBe("on");
  });

  test("a port that says yes and does nothing fails visibly, and its state stays what it is", async () => {
    const node = lab.node("poe-deaf");
    const { code, out } = await run("power on poe-deaf");
    expect(code).toBe(1);
    expect(out).toMatch(/^poe-deaf: Failed\/not-verified/);
    expect(await node.result("the end", ({ terminal }) => terminal)).toMatchObject({
      status: "Failed",
      reasonCode: "not-verified",
    });
    expect(await node.edgeNames()).toEqual([]);
    await node.settles("Off");
  });

  test("several devices of different kinds are cycled by one command", async () => {
    const ids = ["pdu", "plug", "poe-plain"];
    expect(await run(`power on ${ids.join(" ")}`)).toMatchObject({ code: 0 });
    for (const id of ids) await lab.node(id).settles("On");
    await lab.mark();
    expect(await run(`power cycle ${ids.join(" ")}`)).toMatchObject({ code: 0 });
    for (const id of ids) {
      expect(await lab.node(id).edgeNames()).toEqual(["supply-off/api", "supply-on/api"]);
    }
  });

  test("a BMC shuts its system down in order, and starts it again", async () => {
    const node = lab.node("bmc");
    await node.isOff();
    expect(await run("power on bmc")).toMatchObject({ code: 0, out: "bmc: Succeeded" });
    await node.settles("On");
    const shutdown = await run("power shutdown bmc");
    expect(shutdown.code).toBe(0);
    expect(shutdown.out).toMatch(/^bmc: Succeeded: the host shut down/);
    expect(await node.edgeNames()).toEqual(["supply-on/api", "press/api", "halted/guest"]);
    await node.settles("Off");
    expect(await run("power on bmc")).toMatchObject({ code: 0, out: "bmc: Succeeded" });
    await node.settles("On");
    await node.mark();
    expect(await run("power reset bmc")).toMatchObject({ code: 0 });
    expect(await node.edgeNames()).toEqual(["reset/api"]);
  });

  test("a switch that is gone is said, and its return is seen without help", async () => {
    const node = lab.node("poe-good");
    const why = /The switch at 127\.0\.0\.1:\d+.* did not answer.*: check power/;
    const told = (): number =>
      lab
        .agent()
        .log()
        .split("\n")
        .filter((line) => line.includes('"poe-good.power"') && line.includes('"problem"')).length;
    const isWell = (): boolean =>
      node.state?.supply.value === "On" && node.state.problem === undefined;
    await eventually("nothing is wrong yet", isWell);
    const before = told();
    process.kill(devices.poe.pid, "SIGSTOP");
    try {
      await eventually(
        "the supply is unknown, and why",
        () => node.state?.supply.value === "Unknown" && why.test(node.state.problem ?? ""),
        { withinMs: 60_000 },
      );
      await eventually(
        "the table of nodes says it",
        async () =>
          (await run("get nodes")).out
            .split("\n")
            .some((line) => line.startsWith("poe-good ") && why.test(line)),
        { withinMs: 60_000 },
      );
      // Those that are asked with the same credentials; the other may have another reason to be silent.
      await eventually(
        "the doctor says it once for all its ports",
        async () =>
          /ERROR *poe-deaf,poe-good,poe-slow: (?=.*did not answer)/.test((await run("doctor")).out),
        { withinMs: 60_000 },
      );
      const { code, out } = await run("power cycle poe-good");
      expect(code).not.toBe(0);
      expect(out).toMatch(/^poe-good: (Failed|TimedOut|Rejected)\//);
    } finally {
      process.kill(devices.poe.pid, "SIGCONT");
    }
    await node.settles("On");
    expect(await node.edgeNames()).toEqual([]);
    await eventually("nothing is wrong any more", isWell);
    // Told once, however often it was asked meanwhile.
    expect(told()).toBe(before + 1);
  });

  test("no community, key, password or token is found anywhere (P18)", async () => {
    for (const words of ["export", "drivers", "get nodes -o json", "audit"]) await run(words);
    const answers = await allAnswers();
    expect(answers.size).toBeGreaterThan(30);
    expect(answers.get("/agents/lab")).toContain('"bound"');
    const site = await readFile(lab.siteFile);
    // What is written on the way down is searched, too.
    const parts = [lab.agent(), lab.inventory, lab.power, lab.gateway, lab.broker];
    for (const part of parts) await part.stop();
    const files = await filesBelow(lab.data, join(lab.data, "secrets"));
    expect(files.size).toBeGreaterThan(5);
    const streams = tap.streams;
    expect(streams.some((bytes) => bytes.includes("authKey"))).toBe(true);

    const places = new Map<string, Buffer>([
      ...files,
      ["site.yaml", site],
      ["the bus", Buffer.from(JSON.stringify(lab.bus.heard))],
      ["the command line", Buffer.from(JSON.stringify(said))],
    ]);
    for (const [index, bytes] of streams.entries()) places.set(`connection ${index}`, bytes);
    for (const part of parts) places.set(`the log of ${part.name}`, Buffer.from(part.log()));
    for (const [path, text] of answers) places.set(`GET ${path}`, Buffer.from(text));
    const users = ["", "outrider", SUSHY_USER.username];
    const placesWith = (secret: string): string[] => {
      const spelled = users.flatMap((user) => spellings(secret, user));
      return [...places].flatMap(([place, bytes]) =>
        spelled.some((spelling) => bytes.includes(spelling)) ? [place] : [],
      );
    };
    const secrets = {
      ...CANARIES,
      redfishPassword: SUSHY_USER.password,
      restToken: rest.token,
    };
    const found = Object.entries(secrets).flatMap(([name, secret]) =>
      placesWith(secret).map((place) => `${name} in ${place}`),
    );
    expect(found).toEqual([]);
    // The search does find: this one crosses a wire, and the broker keeps its hash alone.
    const { password } = await lab.identities.secret("agent", "lab");
    expect(placesWith(password)).toEqual([expect.stringMatching(/^connection \d+$/)]);
  });
});

import { lacksLinuxGuest } from "@outrider/simulators/lacks-guest";
import { join } from "node:path";
import { consoleState } from "@outrider/contracts/console";
import { ConsoleProbe } from "@outrider/simulators/console-probe";
import { fileSystemState } from "@outrider/simulators/data-disk";
import { within } from "@outrider/testing/eventually";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Deployment } from "./deployment.js";
import { watched } from "./watched.js";

/** Hosts that ignore their button and have a console, by mosquitto_pub. */

const patient = { wake: "supply-cycle", gracefulLimit: "4s" } as const;

describe.skipIf(!hasMosquittoClients())("a simulated machine with a console", () => {
  let lab: Deployment;

  beforeAll(async () => {
    lab = await Deployment.start({
      rack: ["ignores-button", "normal"],
      nodes: {
        n1: { ...patient, rack: 1, console: true },
        n2: { ...patient, rack: 2, console: true },
      },
    });
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());
  watched(() => lab);

  test("that ignores its button is told by SysRq and brought back once, over a killed service (P4, P5)", async () => {
    const node = lab.node("n1");
    await node.command("ForceOff");
    await node.command("On");
    await node.settles("On", "Running");
    await node.mark();
    const id = await node.ask("GracefulRestart");
    await node.result("SysRq", (one) => one.detail?.includes("SysRq") === true);
    // Whoever carries it now takes it up where it was.
    await lab.restartPower();
    expect(await node.outcome(id)).toMatchObject({
      status: "Succeeded",
      detail: expect.stringContaining("after SysRq at its console was used") as string,
    });
    await node.settles("On", "Running");
    // The host's own edges, and how often it was told, are its machine's affair.
    const edges = (await node.edgeNames()).filter((edge) => edge.endsWith("/api"));
    expect(edges.toSorted()).toEqual(["press/api", "supply-off/api", "supply-on/api"]);
    const { bus } = lab;
    await bus.next(consoleState, { node: "n1" }, ({ stage }) => stage.value === "login");
  });

  test("that obeys its button is not told", async () => {
    const node = lab.node("n2");
    await node.command("On");
    await node.settles("On", "Running");
    expect(await node.command("GracefulShutdown")).toMatchObject({
      status: "Succeeded",
      detail: "the host shut down after its power button was used",
    });
    const { stage } = await lab.bus.next(consoleState, { node: "n2" }, (state) =>
      ["halted"].includes(state.stage.value),
    );
    expect(stage.value).toBe("halted");
  });
});

const skipLinux =
  !hasMosquittoClients() || (await lacksLinuxGuest("the console rung on a Linux machine"));

describe.skipIf(skipLinux)("a Linux machine with a console", () => {
  let lab: Deployment;
  const n1 = { ...patient, chassis: 1 } as const;

  beforeAll(async () => {
    lab = await Deployment.start({
      chassis: ["linux"],
      rack: ["normal"],
      // Its console is declared later: a serial line has one reader, which is the test at first.
      nodes: { n1, n2: { ...patient, rack: 1, console: true } },
    });
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());
  watched(() => lab);

  test("that ignores its button is shut down by SysRq, its file system clean", async () => {
    const node = lab.node("n1");
    // Where this is another try its line is the test's again.
    if (node.description?.interfaces.console) await lab.changeSite({ n1 });
    await node.isOff();
    const soon = (): AbortSignal => within(60_000);
    const line = await ConsoleProbe.open(join(lab.chassisDirectory, "slot-1.uart"), soon());
    await node.command("On");
    await line.expect(/guest: ready, boot (\d+)/, soon());
    line.type("write hello\n");
    await line.expect(/guest: written hello/, soon());
    line.type("ignore-button\n");
    await line.expect(/guest: button ignored/, soon());
    line.close();
    await lab.changeSite({ n1: { ...n1, console: true } });
    await lab.bus.next(consoleState, { node: "n1" }, ({ link }) => link.value === "Up");
    await node.settles("On", "Running");
    await node.mark();

    expect(await node.command("GracefulShutdown")).toMatchObject({
      status: "Succeeded",
      detail:
        "the host did not obey its power button within 3 s; the host shut down after SysRq at its console was used",
    });
    expect(await fileSystemState(join(lab.chassisDirectory, "slot-1.disk"))).toBe("clean");
    await lab.bus.next(consoleState, { node: "n1" }, ({ stage }) => stage.value === "halted");
  });
});

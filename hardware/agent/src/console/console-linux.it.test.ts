import { join } from "node:path";
import { endpointId } from "@outrider/contracts/ids";
import { fileSystemState } from "@outrider/simulators/data-disk";
import { lacksLinuxGuest } from "@outrider/simulators/lacks-guest";
import { startChassis, type Simulator } from "@outrider/simulators/spawn";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Stage } from "../testing/stage.js";
import { LinkService } from "./testing/link-service.js";

const skip = await lacksLinuxGuest("a shutdown by way of a console");
/** A guest boots in seconds of processor time, which on a busy machine are many more of the wall's. */
const SOON = { withinMs: 120_000 };

describe.skipIf(skip)("a shutdown by way of a console with a Linux behind it", () => {
  let stage: Stage;
  let service: LinkService;
  let chassis: Simulator;
  let directory: string;

  beforeAll(async () => {
    service = new LinkService("the secret of a1");
    await service.start();
    stage = await Stage.start();
    directory = join(stage.dir.path, "c");
    chassis = await startChassis({ dir: directory, slots: [{ flavour: "linux" }] });
    await stage.startAgent(await stage.linkedTo(service));
    await stage.configureEndpoints([stage.consoleOf("n1", "qemu", { directory, slot: 1 })]);
  });

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
    await chassis.stop();
    await service[Symbol.asyncDispose]();
  });

  it("leaves its file systems clean and its machine off, as its kernel tells", async () => {
    const console = await service.up("n1");
    // Another try has said the same before.
    await chassis.client.supply(1, false);
    const all = (): string => service.recorder.bytes("n1", console.stream).toString("latin1");
    const { length } = all();
    const said = (): string => all().slice(length);
    await chassis.client.supply(1, true);
    await eventually("it has booted", () => said().includes("guest: ready"), SOON);
    await console.write(Buffer.from("write hello\n"));
    await eventually("it has written", () => said().includes("guest: written hello"), SOON);
    const disk = join(directory, "slot-1.disk");
    expect(await fileSystemState(disk)).toBe("needs-recovery");

    const { id } = await stage.send(
      stage.command(1, "GracefulShutdown", { endpoint: endpointId("n1", "console") }),
    );
    expect(await stage.terminal(id)).toMatchObject({ status: "Succeeded" });
    await eventually(
      "its machine is off",
      async () => (await chassis.client.get(1)).host === "halted",
      SOON,
    );
    expect(said()).toMatch(
      /sysrq: Emergency Sync.*sysrq: Emergency Remount R\/O.*sysrq: Power Off/s,
    );
    expect(await fileSystemState(disk)).toBe("clean");
  });
});

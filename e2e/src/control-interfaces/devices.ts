import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startPlug } from "@outrider/drivers/testing/plug-rig";
import { startSushy, SUSHY_USER } from "@outrider/drivers/testing/sushy";
import { freeUdpPort } from "@outrider/simulators/snmp-peers";
import { startRack, startSwitch, type Simulator } from "@outrider/simulators/spawn";
import { freePort } from "@outrider/testing/free-port";
import { tempDir } from "@outrider/testing/temp-dir";
import type { NodeSpec } from "../site.js";
import { CANARIES } from "./canaries.js";

const SNMP_USER = "outrider";
/** Ports of the PoE switch. */
const SLOW = 2;
const DEAF = 3;
const BY_COMMUNITY = 4;

/** Devices of several kinds, each with a secret of its own, and nodes that hang on them. */
export class Devices implements AsyncDisposable {
  private constructor(
    readonly nodes: Readonly<Record<string, NodeSpec>>,
    /** Of the agent: where it finds the secrets. */
    readonly environment: Readonly<Record<string, string>>,
    readonly poe: Simulator,
    private readonly stack: AsyncDisposableStack,
  ) {}

  /** @param sushy the `bin` that has sushy-emulator */
  static async start(sushy: string): Promise<Devices> {
    await using stack = new AsyncDisposableStack();
    const { path: dir } = stack.use(await tempDir("dv-"));
    const secrets = join(dir, "secrets");
    await mkdir(secrets);
    const secret = async (name: string, text: string): Promise<{ readonly file: string }> => {
      const file = join(secrets, name);
      await writeFile(file, `${text}\n`, { mode: 0o600 });
      return { file };
    };

    const [udpPort, netioPort] = [await freeUdpPort(), await freePort()];
    const poe = stack.use(
      await startSwitch({
        dir: join(dir, "poe"),
        slots: 4,
        port: udpPort,
        dialect: "poe",
        quirks: { [SLOW]: "slow", [DEAF]: "deaf" },
        communities: { read: CANARIES.readCommunity, write: CANARIES.writeCommunity },
        user: { name: SNMP_USER, authKey: CANARIES.authKey, privKey: CANARIES.privKey },
      }),
    );
    const pdu = stack.use(
      await startSwitch({
        dir: join(dir, "pdu"),
        slots: 1,
        port: netioPort,
        dialect: "netio",
        password: CANARIES.switchPassword,
      }),
    );
    const listen = `127.0.0.1:${await freePort()}`;
    const rack = stack.use(await startRack({ dir: join(dir, "rack"), slots: 2, listen }));
    const front = async (name: string) => {
      const own = { dir: join(dir, name), port: await freePort(), rackUrl: `http://${listen}` };
      await mkdir(own.dir);
      return own;
    };
    const bmc = await front("bmc");
    const emulator = await startSushy(sushy, bmc, { rackUrl: bmc.rackUrl, softOff: true });
    stack.defer(() => emulator.stop());
    const house = await front("home-assistant");
    const plug = await startPlug("home-assistant", house);
    stack.defer(() => plug.stop());

    const version3 = {
      version: "3",
      user: SNMP_USER,
      authKey: await secret("auth", CANARIES.authKey),
      privKey: await secret("priv", CANARIES.privKey),
    };
    const community = { env: "OUTRIDER_SECRET_POE" };
    const poePort = (slot: number, credentials: object): NodeSpec =>
      poweredBy(poe, slot, "snmp-poe", {
        host: "127.0.0.1",
        udpPort,
        port: slot,
        profile: "cisco",
        ...credentials,
      });
    const nodes = {
      "poe-good": poePort(1, version3),
      "poe-slow": poePort(SLOW, version3),
      "poe-deaf": poePort(DEAF, version3),
      "poe-plain": poePort(BY_COMMUNITY, { community }),
      pdu: poweredBy(pdu, 1, "netio", {
        url: `http://127.0.0.1:${netioPort}`,
        output: 1,
        username: SNMP_USER,
        cycleSeconds: 1,
        password: await secret("netio", CANARIES.switchPassword),
        unencrypted: true,
      }),
      bmc: poweredBy(rack, 1, "redfish", {
        url: `http://127.0.0.1:${bmc.port}`,
        unencrypted: true,
        username: SUSHY_USER.username,
        password: await secret("bmc", SUSHY_USER.password),
        system: "1",
      }),
      plug: poweredBy(rack, 2, "home-assistant", {
        url: `http://127.0.0.1:${house.port}`,
        entity: "switch.slot_2",
        token: await secret("home-assistant", CANARIES.homeAssistantToken),
        unencrypted: true,
      }),
    };
    const environment = {
      // As systemd hands credentials to a service.
      CREDENTIALS_DIRECTORY: secrets,
      [community.env]: CANARIES.writeCommunity,
    };
    return new Devices(nodes, environment, poe, stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.disposeAsync();
  }
}

function poweredBy(machine: Simulator, slot: number, driver: string, options: object): NodeSpec {
  return { wired: { machine, slot, interfaces: { power: { driver, options } } } };
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDriver, type Driver, type PortKind, type Ports } from "@outrider/ports/driver";
import { spawnSync } from "node:child_process";
import { freePort, startForeign, type ForeignProcess } from "./foreign-process.js";
import type { PortRig } from "./port-rig.js";

const USER = { username: "ipmiusr", password: "canaryofsim" };

/** A full sensor record (IPMI 2.0, 43.1) of a temperature, one degree a step, named as ipmitool shall print it. */
function temperatureRecord(number: number, name: string): string {
  const id = [...Buffer.from(name, "latin1")];
  const fixed = `
    20 00 ${number.toString(16)} 03 01 67 88 01 01 c0 7f c0 7f 3f 3f
    00 01 00 00 01 00 00 00 00 00 03 60 b0 00 b0
    00 a0 90 66 00 00 00 00 00 00 00 00`;
  const head = fixed
    .trim()
    .split(/\s+/)
    .map((byte) => Number.parseInt(byte, 16));
  const body = [...head, 0xc0 | id.length, ...id];
  const bytes = [number, 0x00, 0x51, 0x01, body.length, ...body];
  return bytes.map((byte) => `0x${byte.toString(16).padStart(2, "0")}`).join(" ");
}

/** A user of its that may do everything. */
export const IPMI_SIM_USER = USER;

export interface IpmiSim {
  readonly dir: string;
  readonly port: number;
  /** Lines of its `lan.conf`. */
  readonly lan?: readonly string[];
}

/** ipmi_sim of OpenIPMI with a sensor whose value stands in the file `temperature` of its directory. */
export async function startIpmiSim({ dir, port, lan = [] }: IpmiSim): Promise<ForeignProcess> {
  const { username, password } = USER;
  const state = join(dir, "state");
  mkdirSync(state, { recursive: true });
  writeFileSync(
    join(dir, "lan.conf"),
    `name "sim"
startlan 1
  addr 127.0.0.1 ${port}
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid a123456789abcdefa123456789abcdef
endlan
user 1 true "" "test" user 10 none md2 md5 straight
user 2 true "${username}" "${password}" admin 10 none md2 md5 straight
${lan.join("\n")}
`,
  );
  writeFileSync(
    join(dir, "sim.emu"),
    `mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sel_enable 0x20 1000 0x0a
sensor_add 0x20 0 1 0x01 0x01 poll 100 file "${join(dir, "temperature")}"
sensor_set_event_support 0x20 0 1 enable scanning per-state 000000000000000 000000000000000 000000000000000 000000000000000
main_sdr_add 0x20 ${temperatureRecord(1, "CPU Temp")}
mc_enable 0x20
`,
  );
  const ready = async (): Promise<boolean> => {
    const session = ["-I", "lanplus", "-H", "127.0.0.1", "-p", String(port), "-U", username, "-E"];
    const asked = [...session, "-C", "3", "-N", "1", "-R", "1", "raw", "0x06", "0x01"];
    const env = { ...process.env, IPMI_PASSWORD: password };
    return spawnSync("ipmitool", asked, { env }).status === 0;
  };
  return startForeign({
    command: "ipmi_sim",
    args: ["-c", join(dir, "lan.conf"), "-f", join(dir, "sim.emu"), "-s", state, "-n"],
    log: join(dir, "sim.log"),
    ready,
  });
}

export interface IpmiSimRig<P extends AsyncDisposable> extends PortRig<P> {
  /** What its sensor `CPU Temp` measures from now on. */
  heat(celsius: number): void;
}

/** A driver on ipmi_sim of OpenIPMI, which has one temperature. */
export async function ipmiSimRig<K extends PortKind>(
  driver: Driver<K>,
  options: object = {},
): Promise<IpmiSimRig<Ports[K]>> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const port = await freePort();
  const { username, password } = USER;
  const temperature = join(dir, "temperature");
  const heat = (celsius: number): void => writeFileSync(temperature, `${celsius}\n`);
  heat(41);
  const sim = await startIpmiSim({ dir, port });
  return {
    heat,
    open: (context) =>
      openDriver(
        driver,
        {
          host: "127.0.0.1",
          port,
          username,
          password: { file: "/etc/outrider/secrets/bmc" },
          cipherSuite: 3,
          privilege: "ADMINISTRATOR",
          ...options,
        },
        { ...context, secret: async () => password },
      ),
    silence: async (silent) => void process.kill(sim.pid, silent ? "SIGSTOP" : "SIGCONT"),
    [Symbol.asyncDispose]: async () => {
      process.kill(sim.pid, "SIGCONT");
      await sim.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

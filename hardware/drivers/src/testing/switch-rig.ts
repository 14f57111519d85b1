import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Driver } from "@outrider/ports/driver";
import { freeUdpPort } from "@outrider/simulators/snmp-peers";
import { startSwitch, type SwitchOptions } from "@outrider/simulators/spawn";
import type { PowerRig } from "./power-rig.js";

/** Found nowhere but where they are given: see the tests that search for them. */
export const COMMUNITY = "canary-community-7f3a";
export const READ_ONLY = "canary-readonly-55c1";
export const AUTH_KEY = "canary-auth-key-91be";
export const PRIV_KEY = "canary-priv-key-20d8";
export const SNMP_USER = "outrider";
export const COMMUNITY_FILE = "/etc/outrider/secrets/community";
export const SECRETS: Readonly<Record<string, string>> = {
  [COMMUNITY_FILE]: COMMUNITY,
  "/etc/outrider/secrets/read-only": READ_ONLY,
  "/etc/outrider/secrets/auth": AUTH_KEY,
  "/etc/outrider/secrets/priv": PRIV_KEY,
};
/** Options of version 3, with the keys of {@link SECRETS}. */
export const VERSION_3 = {
  version: "3",
  user: SNMP_USER,
  authKey: { file: "/etc/outrider/secrets/auth" },
  privKey: { file: "/etc/outrider/secrets/priv" },
} as const;

/** Of HTTP devices. */
export const PASSWORD = "canary-password-c4e2";
const PASSWORD_FILE = "/etc/outrider/secrets/password";
export const LOGIN = {
  unencrypted: true,
  username: SNMP_USER,
  password: { file: PASSWORD_FILE },
} as const;

export interface SwitchRig extends PowerRig {
  /** UDP for SNMP, TCP for HTTP. */
  readonly port: number;
  /** All that the device has written: its log and its edges. */
  written(): string;
}

/** A switch or a PDU of the simulators, in a process of its own, whose outlets are slots of a rack. */
export async function switchRig(
  driver: Driver<"power">,
  optionsOf: (slot: number, port: number) => object,
  device: Pick<SwitchOptions, "dialect" | "quirks"> & { readonly slots?: number },
  slotOption: string,
): Promise<SwitchRig> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const port = await freeUdpPort();
  const start = () =>
    startSwitch({
      dir,
      slots: 2,
      port,
      communities: { read: READ_ONLY, write: COMMUNITY },
      password: PASSWORD,
      user: { name: SNMP_USER, authKey: AUTH_KEY, privKey: PRIV_KEY },
      ...device,
    });
  let simulator = await start();
  return {
    driver,
    lacks: ["host", "refusal"],
    slotOption,
    secrets: { ...SECRETS, [PASSWORD_FILE]: PASSWORD },
    port,
    optionsOf: (slot) => optionsOf(slot, port),
    get world() {
      return simulator.client;
    },
    address: `127.0.0.1:${port}`,
    kill: async () => {
      process.kill(simulator.pid, "SIGKILL");
      await simulator.stop();
    },
    restart: async () => {
      simulator = await start();
    },
    loseSupply: async (slot) => void (await simulator.client.brownOut(slot)),
    written: () =>
      ["switch.log", "edges.jsonl"].map((file) => readFileSync(join(dir, file), "utf8")).join(""),
    [Symbol.asyncDispose]: async () => {
      await simulator.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

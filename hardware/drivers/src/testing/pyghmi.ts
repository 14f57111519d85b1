import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustSkip } from "@outrider/simulators/peers";
import { startForeign, type ForeignProcess } from "./foreign-process.js";
import type { Front } from "./front-rig.js";
import { pypiPeer } from "./pypi-peer.js";

/** Installed for the tests of IPMI; undefined where it or ipmitool cannot be had. */
export async function pyghmi(): Promise<string | undefined> {
  if (mustSkip("IPMI by ipmitool", { ipmitool: "ipmitool" })) return undefined;
  return pypiPeer("pyghmi-1.6.19", ["pyghmi==1.6.19"]);
}

export const IPMI_USER = { username: "operator", password: "canaryofipmi" };

/** pyghmi is the BMC; only what the machine behind it does is ours: it is a slot of a rack, or it keeps a word. */
const BMC = `
import json, sys, urllib.request, urllib.error
import pyghmi.ipmi.bmc as bmc
user, password, port, rack, state = sys.argv[1:6]
def slot(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    ask = urllib.request.Request(rack + '/slots/1' + path, data=data, method=method)
    with urllib.request.urlopen(ask, timeout=2) as answer: return json.load(answer)
class Bmc(bmc.Bmc):
    boot = 'default'
    def get_power_state(self): return slot('GET', '')['supply']
    def _act(self, method, path, body):
        try: slot(method, path, body)
        except urllib.error.HTTPError: return 0xd5
    def power_on(self): return self._act('PUT', '/supply', {'on': True})
    def power_off(self): return self._act('PUT', '/supply', {'on': False})
    def power_reset(self): return self._act('POST', '/reset', {})
    def power_shutdown(self): return self._act('POST', '/button', {})
    def pulse_diag(self): return self._act('POST', '/nmi', {})
    def get_boot_device(self):
        with open(state) as file: return file.read()
    def set_boot_device(self, device):
        with open(state, 'w') as file: file.write(device)
    # pyghmi's BMC has no lamp; this one keeps a word.
    def lamp(self):
        try:
            with open(state + '.lamp') as file: return file.read() == 'on'
        except FileNotFoundError: return False
    def get_chassis_status(self, session):
        if rack: return super().get_chassis_status(session)
        session.send_ipmi_response(data=[0, 0, 0x60 if self.lamp() else 0x40])
    def handle_raw_request(self, request, session):
        if (request['netfn'], request['command']) != (0, 4):
            return super().handle_raw_request(request, session)
        interval, force = (list(request['data']) + [15, 0])[:2]
        with open(state + '.lamp', 'w') as file: file.write('on' if interval or force else 'off')
        session.send_ipmi_response()
Bmc({user: password}, port=int(port), address='127.0.0.1').listen()
`;

/** Starts a BMC of pyghmi, its machine in slot 1 of the rack. `boot` in its directory has its boot device. */
export async function startPyghmi(
  bin: string,
  { dir, port, rackUrl }: Front,
): Promise<ForeignProcess> {
  const program = join(dir, "bmc.py");
  const boot = join(dir, "boot");
  writeFileSync(program, BMC);
  writeFileSync(boot, "default");
  const { username, password } = IPMI_USER;
  return startForeign({
    command: join(bin, "python"),
    args: [program, username, password, String(port), rackUrl, boot],
    log: join(dir, "bmc.log"),
    ready: async () => answers(port),
  });
}

function answers(port: number): boolean {
  const { username, password } = IPMI_USER;
  const session = ["-I", "lanplus", "-H", "127.0.0.1", "-p", String(port), "-U", username, "-E"];
  const asked = [...session, "-C", "3", "-N", "1", "-R", "1", "raw", "0x06", "0x01"];
  const env = { ...process.env, IPMI_PASSWORD: password };
  const { status, stderr } = spawnSync("ipmitool", asked, { env, encoding: "utf8" });
  // A session is enough: the BMC need not know the request.
  return status === 0 || stderr.includes("rsp=");
}

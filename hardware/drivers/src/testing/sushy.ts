import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { accepts, startForeign, type ForeignProcess } from "./foreign-process.js";
import type { Front } from "./front-rig.js";
import { pypiPeer } from "./pypi-peer.js";

/** Installed for the tests of Redfish; undefined where it cannot be had. */
export const sushy = (): Promise<string | undefined> =>
  pypiPeer("sushy-tools-2.2.0", ["sushy-tools==2.2.0"]);

export const SUSHY_USER = { username: "operator", password: "canary-of-redfish" };
/** `operator:canary-of-redfish` as htpasswd -nbB writes it (bcrypt); made by the emulator's own library. */
const hash = (bin: string): string =>
  execFileSync(
    join(bin, "python"),
    [
      "-c",
      "import bcrypt,sys; print(bcrypt.hashpw(sys.stdin.buffer.read(), bcrypt.gensalt(4)).decode())",
    ],
    { input: SUSHY_USER.password, encoding: "utf8" },
  ).trim();

/**
 * The emulator's own fake driver keeps a word in a table. Here each system is a slot of a rack instead, so that what is
 * asked by Redfish is seen on edges. Only these two methods are ours; the protocol is the emulator's.
 */
const RACK_SYSTEMS = `
import requests as _requests
from sushy_tools import error as _error
from sushy_tools.emulator.resources.systems.fakedriver import FakeDriver as _Fake
def _slot(method, path, body=None):
    answer = _requests.request(method, RACK + '/slots/' + path, json=body)
    if answer.status_code != 200:
        raise _error.BadRequest(answer.json()['error']['message'])
    return answer.json()
def _get(self, identity):
    self._get(identity)
    seen = _slot('GET', identity)
    if SOFT_OFF and seen['host'] == 'halted': return 'Off'
    return seen['supply'].capitalize()
def _set(self, identity, state):
    self._get(identity)
    if SOFT_OFF and state == 'On' and _slot('GET', identity)['host'] == 'halted':
        _slot('POST', identity + '/button', {})
    elif state in ('On', 'ForceOn'): _slot('PUT', identity + '/supply', {'on': True})
    elif state == 'ForceOff': _slot('PUT', identity + '/supply', {'on': False})
    elif state == 'GracefulShutdown': _slot('POST', identity + '/button', {})
    elif state == 'ForceRestart': _slot('POST', identity + '/reset', {})
    elif state == 'Nmi': _slot('POST', identity + '/nmi', {})
    else: raise _error.NotSupportedError(state)
_Fake.get_power_state = _get
_Fake.set_power_state = _set
`;

export interface SushyOptions {
  /** Systems are slots of this rack; missing: the emulator's own, which change late. */
  readonly rackUrl?: string;
  /** A system whose guest has halted is off, and is started by its button, as that of a PC. */
  readonly softOff?: boolean;
  /** Files of key and certificate; missing: without TLS. */
  readonly tls?: { readonly key: string; readonly certificate: string };
}

/** Starts sushy-emulator with the systems `1` and `2`, and one user. */
export function startSushy(
  bin: string,
  { dir, port }: Pick<Front, "dir" | "port">,
  { rackUrl, softOff = false, tls }: SushyOptions,
): Promise<ForeignProcess> {
  const config = join(dir, "sushy.conf");
  const auth = join(dir, "htpasswd");
  const systems = ["1", "2"].map((uuid) => ({
    uuid,
    name: `system-${uuid}`,
    power_state: "Off",
    nics: [],
  }));
  writeFileSync(auth, `${SUSHY_USER.username}:${hash(bin)}\n`);
  const lines = [
    `SUSHY_EMULATOR_LISTEN_IP = '127.0.0.1'`,
    `SUSHY_EMULATOR_LISTEN_PORT = ${port}`,
    `SUSHY_EMULATOR_FAKE_DRIVER = True`,
    `SUSHY_EMULATOR_STATE_DIR = '${dir}'`,
    `SUSHY_EMULATOR_AUTH_FILE = '${auth}'`,
    `SUSHY_EMULATOR_FAKE_SYSTEMS = ${JSON.stringify(systems)}`,
    ...(tls === undefined
      ? []
      : [
          `SUSHY_EMULATOR_SSL_KEY = '${tls.key}'`,
          `SUSHY_EMULATOR_SSL_CERT = '${tls.certificate}'`,
        ]),
    ...(rackUrl === undefined
      ? []
      : [`RACK = '${rackUrl}'`, `SOFT_OFF = ${softOff ? "True" : "False"}`, RACK_SYSTEMS]),
  ];
  writeFileSync(config, lines.join("\n"));
  return startForeign({
    command: join(bin, "sushy-emulator"),
    args: ["--config", config],
    log: join(dir, "sushy.log"),
    ready: () => accepts(port),
  });
}

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { newOwner, ownerRecord, ownerToken } from "@outrider/simulators/home-assistant-owner";
import { mustSkip } from "@outrider/simulators/peers";
import { startRack, type SlotClient } from "@outrider/simulators/spawn";
import { freePort, startForeign } from "./foreign-process.js";

/** The release whose Python is that of Debian 12; `npm run test:home-assistant` installs it. */
const RELEASE = "2024.3.3";
const ANSWER_MS = 5000;

/** Its program where it is installed; said aloud where it is not. */
export function homeAssistantProgram(): string | undefined {
  if (mustSkip("power by Home Assistant", { curl: "curl" })) return undefined;
  const cache = process.env["OUTRIDER_CACHE"] || join(homedir(), ".cache", "outrider");
  const folder = join(cache, "home-assistant", RELEASE);
  if (existsSync(join(folder, "complete"))) return join(folder, "bin", "hass");
  const message = `Home Assistant ${RELEASE} is not installed, so power/home-assistant is not tried against it: npm run test:home-assistant installs it`;
  if (process.env["CI"] || process.env["OUTRIDER_REQUIRE_PEERS"]) throw new Error(message);
  process.stderr.write(`\nSKIPPED: ${message}\n`);
  return undefined;
}

/**
 * A Home Assistant with these switches: `rack_1`, which switches slot 1 of a rack and looks at it; `wired`, a template
 * over `input_boolean.relay` that is there as long as `input_boolean.there` is on; `blind`, whose state nothing tells.
 */
export interface HomeAssistantPeer extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly rack: SlotClient;
  /** The state of an entity as Home Assistant has it. */
  state(entity: string): Promise<string>;
  /** Has it call a service, as its own pages do: `input_boolean.turn_on`. */
  call(service: string, entity: string): Promise<void>;
  silence(silent: boolean): void;
  kill(): Promise<void>;
}

export async function startHomeAssistant(program: string): Promise<HomeAssistantPeer> {
  await using stack = new AsyncDisposableStack();
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  stack.defer(() => rmSync(dir, { recursive: true, force: true }));
  const listen = `127.0.0.1:${await freePort()}`;
  const rack = stack.use(await startRack({ dir: join(dir, "rack"), slots: 2, listen }));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const token = configure(join(dir, "home"), port, `http://${listen}`);
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`${url}/api/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return answer.json();
  };
  const state = async (entity: string): Promise<string> =>
    String(((await ask("GET", `states/${entity}`)) as { state?: unknown }).state);
  const hass = await startForeign({
    command: program,
    args: ["-c", join(dir, "home"), "--skip-pip"],
    env: { PATH: `${dirname(program)}:${process.env["PATH"] ?? ""}` },
    log: join(dir, "log"),
    ready: async () => {
      try {
        const { state: running } = (await ask("GET", "config")) as { state?: unknown };
        return running === "RUNNING" && (await state("switch.rack_1")) === "off";
      } catch {
        return false;
      }
    },
  });
  stack.defer(() => hass.stop("SIGKILL"));
  const running = stack.move();
  return {
    url,
    token,
    rack: rack.client,
    state,
    call: async (service, entity) =>
      void (await ask("POST", `services/${service.replace(".", "/")}`, { entity_id: entity })),
    silence: (silent) => void process.kill(hass.pid, silent ? "SIGSTOP" : "SIGCONT"),
    kill: () => hass.stop("SIGKILL"),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** @returns a token of its owner */
function configure(folder: string, port: number, rack: string): string {
  const storage = join(folder, ".storage");
  mkdirSync(join(folder, "..", "rack"), { recursive: true });
  mkdirSync(storage, { recursive: true });
  const store = (key: string, version: number, data: object): void =>
    writeFileSync(join(storage, key), JSON.stringify({ version, minor_version: 1, key, data }));
  const owner = newOwner();
  store("onboarding", 4, { done: ["user", "core_config", "analytics", "integration"] });
  store("auth", 1, ownerRecord(owner, RELEASE));
  const put = (on: boolean): string =>
    `curl -fsS -X PUT -H 'content-type: application/json' -d '{"on":${String(on)}}' ${rack}/slots/1/supply`;
  const relay = { entity_id: "input_boolean.relay" };
  const configuration = {
    homeassistant: { name: "House", unit_system: "metric", time_zone: "UTC", country: "DE" },
    http: { server_host: "127.0.0.1", server_port: port },
    api: null,
    logger: { default: "warning" },
    input_boolean: { relay: { initial: false }, there: { initial: true } },
    command_line: [
      {
        switch: {
          name: "Rack 1",
          command_on: put(true),
          command_off: put(false),
          command_state: `curl -fsS ${rack}/slots/1 | grep -q '"supply":"on"'`,
          scan_interval: 1,
        },
      },
    ],
    switch: [
      {
        platform: "template",
        switches: {
          wired: {
            value_template: "{{ is_state('input_boolean.relay', 'on') }}",
            availability_template: "{{ is_state('input_boolean.there', 'on') }}",
            turn_on: { service: "input_boolean.turn_on", target: relay },
            turn_off: { service: "input_boolean.turn_off", target: relay },
          },
          blind: {
            turn_on: { service: "input_boolean.turn_on", target: relay },
            turn_off: { service: "input_boolean.turn_off", target: relay },
          },
        },
      },
    ],
  };
  // YAML is more than JSON.
  writeFileSync(join(folder, "configuration.yaml"), JSON.stringify(configuration, null, 1));
  return ownerToken(owner);
}

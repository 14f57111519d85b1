import { randomBytes } from "node:crypto";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  newOwner,
  ownerRecord,
  ownerToken,
  type OwnerKey,
} from "@outrider/simulators/home-assistant-owner";
import { startProgram, type Child } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { WebSocket } from "ws";

export interface HomeAssistantOptions {
  /** `hass` of its virtual environment. */
  readonly program: string;
  /** Its configuration folder, which survives its restarts. */
  readonly folder: string;
  readonly broker: {
    readonly port: number;
    readonly username?: string;
    readonly password?: string;
  };
  readonly protocol: "3.1.1" | "5";
  /** Further lines of `configuration.yaml`. */
  readonly more?: string;
  /** Folder of blueprints for automations. */
  readonly blueprints?: string;
}

export interface EntityState {
  readonly entity_id: string;
  readonly state: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly last_changed: string;
}

export interface RegistryEntry {
  readonly entity_id: string;
  readonly unique_id: string;
  readonly device_id: string | null;
  readonly disabled_by: string | null;
  readonly entity_category: string | null;
}

export interface DeviceEntry {
  readonly id: string;
  readonly name: string | null;
  readonly name_by_user: string | null;
  readonly via_device_id: string | null;
  readonly identifiers: readonly (readonly [string, string])[];
}

const LIMIT_MS = 60_000;

/** A real Home Assistant, driven as its own pages drive it. */
export class HomeAssistant implements AsyncDisposable {
  #child: Child | undefined;
  #port = 0;
  readonly #token: string;

  private constructor(
    private readonly options: HomeAssistantOptions,
    owner: OwnerKey,
  ) {
    this.#token = ownerToken(owner);
  }

  static async start(options: HomeAssistantOptions): Promise<HomeAssistant> {
    const owner = newOwner();
    const home = new HomeAssistant(options, owner);
    await home.#configure(owner);
    await home.start();
    return home;
  }

  /** Resolves when it runs and has its broker. */
  async start(): Promise<void> {
    const { program, folder } = this.options;
    this.#port = await freePort();
    await this.#writeConfiguration();
    this.#child = await startProgram(program, {
      args: ["-c", folder, "--skip-pip"],
      env: { PATH: `${dirname(program)}:${process.env["PATH"] ?? ""}` },
      ready: "none",
    });
    await eventually("Home Assistant runs", () => this.#isRunning(), {
      withinMs: 120_000,
      everyMs: 100,
    });
  }

  async stop(): Promise<void> {
    await this.#child?.kill("SIGTERM");
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** What it has said, for a test that has failed. */
  lastWords(): string {
    return (this.#child?.stderr() ?? "").slice(-12_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child?.kill();
  }

  async states(): Promise<EntityState[]> {
    return (await this.#rest("GET", "/api/states")) as EntityState[];
  }

  async state(entity: string): Promise<EntityState | undefined> {
    return (await this.states()).find(({ entity_id }) => entity_id === entity);
  }

  /** Resolves when an entity's state fits. */
  until(
    entity: string,
    what: string,
    fits: (state: EntityState | undefined) => boolean,
  ): Promise<EntityState | undefined> {
    let last: EntityState | undefined;
    const look = async () => {
      last = await this.state(entity);
      return fits(last) ? { last } : undefined;
    };
    return eventually(`${entity} is ${what}`, look, { withinMs: LIMIT_MS, everyMs: 100 }).then(
      ({ last: found }) => found,
      (error: unknown) => {
        throw new Error(`${entity} is ${last?.state ?? "not there"}, not ${what}`, {
          cause: error,
        });
      },
    );
  }

  is(entity: string, state: string): Promise<EntityState | undefined> {
    return this.until(entity, state, (one) => one?.state === state);
  }

  isGone(entity: string): Promise<EntityState | undefined> {
    return this.until(entity, "gone", (one) => one === undefined);
  }

  async call(service: string, entity: string): Promise<void> {
    await this.#rest("POST", `/api/services/${service.replace(".", "/")}`, { entity_id: entity });
  }

  /** Puts a state in the place of what the entity's own integration last said, until it says something again. */
  async pretend(entity: string, state: string, attributes: object = {}): Promise<void> {
    await this.#rest("POST", `/api/states/${entity}`, { state, attributes });
  }

  /** Posts to a webhook, as whoever knows its id. */
  async hook(id: string, body: object): Promise<void> {
    await this.#rest("POST", `/api/webhook/${id}`, body);
  }

  /** As a person does: once it can be pressed. A press of what is not available is dropped without a word. */
  async press(entity: string): Promise<void> {
    await this.until(
      entity,
      "available",
      (one) => one !== undefined && one.state !== "unavailable",
    );
    await this.call("button.press", entity);
  }

  async entities(): Promise<RegistryEntry[]> {
    return (await this.ask({ type: "config/entity_registry/list" })) as RegistryEntry[];
  }

  async devices(): Promise<DeviceEntry[]> {
    return (await this.ask({ type: "config/device_registry/list" })) as DeviceEntry[];
  }

  /** One command of its WebSocket interface. */
  async ask(command: object): Promise<unknown> {
    const socket = await this.#socket();
    try {
      return await answerTo(socket, 1, command);
    } finally {
      socket.close();
    }
  }

  /** Fires of a trigger from now on. */
  async triggered(trigger: object): Promise<{ readonly times: () => number; close(): void }> {
    const socket = await this.#socket();
    let times = 0;
    socket.on("message", (data) => {
      if ((JSON.parse(text(data)) as { type: string }).type === "event") times++;
    });
    await answerTo(socket, 1, { type: "subscribe_trigger", trigger });
    return { times: () => times, close: () => socket.close() };
  }

  async #isRunning(): Promise<boolean> {
    if (this.#child?.running === false) throw new Error(`it has ended:\n${this.lastWords()}`);
    try {
      const config = (await this.#rest("GET", "/api/config")) as {
        readonly state: string;
        readonly components: readonly string[];
      };
      return config.state === "RUNNING" && config.components.includes("mqtt");
    } catch (error) {
      if (error instanceof RestError) throw error;
      return false;
    }
  }

  async #rest(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.#port}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: within(),
    });
    if (!response.ok)
      throw new RestError(`${method} ${path}: ${response.status} ${await response.text()}`);
    const answer = await response.text();
    return answer === "" ? undefined : JSON.parse(answer);
  }

  async #socket(): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/api/websocket`);
    const greeted = new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.on("message", (data) => {
        const { type } = JSON.parse(text(data)) as { type: string };
        if (type === "auth_required")
          socket.send(JSON.stringify({ type: "auth", access_token: this.#token }));
        else if (type === "auth_ok") resolve();
        else if (type === "auth_invalid") reject(new RestError("it does not let us in"));
      });
    });
    await greeted;
    return socket;
  }

  async #configure(owner: OwnerKey): Promise<void> {
    const { folder, broker, protocol, blueprints } = this.options;
    const storage = join(folder, ".storage");
    await mkdir(storage, { recursive: true });
    if (blueprints !== undefined) {
      await cp(blueprints, join(folder, "blueprints", "automation", "outrider"), {
        recursive: true,
      });
    }
    const store = (key: string, version: number, data: object) =>
      writeFile(join(storage, key), JSON.stringify({ version, minor_version: 1, key, data }));
    const done = ["user", "core_config", "analytics", "integration"];
    await store("onboarding", 4, { done });
    await store("auth", 1, ownerRecord(owner, "2024.3.3"));
    await store("core.config_entries", 1, {
      entries: [
        {
          entry_id: randomBytes(16).toString("hex"),
          version: 1,
          minor_version: 1,
          domain: "mqtt",
          title: "Outrider's broker",
          data: {
            broker: "127.0.0.1",
            port: broker.port,
            protocol,
            discovery: true,
            discovery_prefix: "homeassistant",
            ...(broker.username === undefined
              ? {}
              : { username: broker.username, password: broker.password }),
          },
          options: {},
          pref_disable_new_entities: false,
          pref_disable_polling: false,
          source: "user",
          unique_id: null,
          disabled_by: null,
        },
      ],
    });
  }

  #writeConfiguration(): Promise<void> {
    const { folder, more = "" } = this.options;
    return writeFile(
      join(folder, "configuration.yaml"),
      [
        "homeassistant:",
        "  name: House",
        "  unit_system: metric",
        "  time_zone: UTC",
        "  country: DE",
        "  currency: EUR",
        "  latitude: 50",
        "  longitude: 10",
        "  elevation: 0",
        `http: { server_host: 127.0.0.1, server_port: ${this.#port} }`,
        "logger: { default: warning }",
        more,
        "",
      ].join("\n"),
    );
  }
}

/** It answered, and did not do what was asked. */
class RestError extends Error {
  override readonly name = "RestError";
}

function text(data: unknown): string {
  return Buffer.isBuffer(data) ? data.toString() : String(data);
}

function answerTo(socket: WebSocket, id: number, command: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    socket.on("message", (data) => {
      const said = JSON.parse(text(data)) as {
        readonly id?: number;
        readonly type: string;
        readonly success?: boolean;
        readonly result?: unknown;
        readonly error?: { readonly message: string };
      };
      if (said.type !== "result" || said.id !== id) return;
      if (said.success === true) resolve(said.result);
      else reject(new RestError(said.error?.message ?? "it failed"));
    });
    socket.once("close", () => reject(new RestError("the connection ended")));
    socket.send(JSON.stringify({ id, ...command }));
  });
}

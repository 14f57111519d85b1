import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import {
  ATTACH_MODES,
  ConsoleAsk,
  ConsoleTold,
  ESCAPE_PATTERN,
  REPLAY_PATTERN,
  type AttachMode,
} from "@outrider/contracts/console-attach";
import { check } from "@outrider/contracts/codec";
import { ACTOR_PATTERN } from "@outrider/contracts/ids";
import type { IdentityStore } from "@outrider/identity/identity-store";
import type { Subject } from "@outrider/identity/subject";
import { isStorageError } from "@outrider/storage/storage-error";
import type { UpgradeHandler } from "@outrider/service-kit/listener";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import {
  AttachRefused,
  type Attachment,
  type ConsoleDoor,
  type Viewer,
  type Visitor,
} from "../sessions/attachment.js";
import { TextSession } from "../sessions/text-session.js";
import { refuseUpgrade } from "./refusal.js";
import { meet, readSubject, standing } from "./subjects.js";

const PROTOCOL = "outrider.v1";
const PING = seconds(15);
/** A paste in JSON, each character escaped; nothing that is asked is larger (P19). */
const MAX_MESSAGE_BYTES = 1_048_576;
/** What waits for a client before it counts as slow. */
const HIGH_WATER_BYTES = 65_536;
/** Typing and asks, in bytes, that are under way for one client; beyond that its connection is not read. */
const MAX_UNDER_WAY_BYTES = 65_536;
/** Somebody who reads nothing is cut off once so much is told to them. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024;
/** What an ask counts at least. */
const ASK_BYTES = 2048;
/** How many messages that cannot be read a client may send. */
const MAX_MISTAKES = 10;

export interface AttachSocketOptions {
  readonly door: ConsoleDoor;
  readonly identity: IdentityStore;
  readonly clock: Clock;
  readonly defect: (error: unknown) => void;
  /** Called first when all this ends, so that everybody can be told. */
  readonly stopping: () => void;
}

interface Wish {
  readonly node: string;
  readonly mode: AttachMode;
  readonly replay: string;
  readonly escape: string | undefined;
  readonly raw: boolean;
  /** As the gateway has checked. */
  readonly admitted: Subject;
  readonly visitor: Visitor;
}

/** The WebSocket of a console, as the gateway hands it through: it has checked who asks, and from where. */
export class AttachSocket implements UpgradeHandler {
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  });

  constructor(private readonly options: AttachSocketOptions) {}

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const wish = this.#wishOf(request);
    if ("problem" in wish) return refuseUpgrade(socket, wish.problem, wish.detail);
    // Who goes meanwhile is gone: there is nothing to tell them.
    const gone = (): void => void socket.destroy();
    socket.once("error", gone);
    meet(wish.admitted, this.options.identity).then(
      () => {
        socket.off("error", gone);
        this.#server.handleUpgrade(request, socket, head, (client) => this.#serve(client, wish));
      },
      (error: unknown) => {
        if (!isStorageError(error)) return this.options.defect(error);
        const detail = "it cannot be looked up who asks, because the database does not answer";
        return refuseUpgrade(socket, "unavailable", detail);
      },
    );
  }

  /** Resolves when those who were told that it ends have had a moment to hear it. */
  async stop(): Promise<void> {
    this.options.stopping();
    const { clients } = this.#server;
    for (const client of clients) client.close(1001, "stopping");
    const waited = AbortSignal.timeout(500);
    while (clients.size > 0 && !waited.aborted) {
      await this.options.clock.sleep(milliseconds(10), waited).catch(() => undefined);
    }
    for (const client of clients) client.terminate();
    this.#server.close();
  }

  #wishOf(
    request: IncomingMessage,
  ): Wish | { readonly problem: "invalid" | "not-found" | "not-allowed"; readonly detail: string } {
    const url = new URL(request.url ?? "/", "http://console");
    const node = /^\/consoles\/([^/]+)\/attach$/.exec(url.pathname)?.[1];
    if (node === undefined) return { problem: "not-found", detail: "nothing is upgraded here" };
    const header = (name: string): string | undefined => {
      const value = request.headers[name];
      return typeof value === "string" ? value : undefined;
    };
    const actor = header("outrider-actor");
    const subject = readSubject(header("outrider-subject"));
    if (actor === undefined || !ACTOR_PATTERN.test(actor) || !subject) {
      return { problem: "not-allowed", detail: "the gateway must say who asks" };
    }
    const { searchParams } = url;
    const mode = searchParams.get("mode") ?? "write";
    const replay = searchParams.get("replay") ?? "lines:20";
    const escape = searchParams.get("escape") ?? undefined;
    const way = searchParams.get("way") ?? "web";
    const isWish =
      ATTACH_MODES.some((one) => one === mode) &&
      REPLAY_PATTERN.test(replay) &&
      (escape === undefined || ESCAPE_PATTERN.test(escape)) &&
      (way === "web" || way === "cli");
    if (!isWish)
      return { problem: "invalid", detail: "mode, replay, way or escape cannot be read" };
    const from = header("outrider-from");
    const visitor: Visitor = {
      actor,
      way,
      subject: standing(subject, this.options.identity),
      ...(from ? { from } : {}),
    };
    const raw = searchParams.get("raw") === "true";
    return { node, mode: mode as AttachMode, replay, escape, raw, admitted: subject, visitor };
  }

  #serve(client: WebSocket, wish: Wish): void {
    const connection = new Connection(client, this.options.clock);
    const served =
      wish.escape === undefined
        ? this.#messages(connection, wish)
        : this.#text(connection, wish, wish.escape);
    served.catch((error: unknown) => {
      client.terminate();
      this.options.defect(error);
    });
  }

  /** For programs that show consoles themselves: binary messages are bytes, text messages ask and tell. */
  async #messages(connection: Connection, wish: Wish): Promise<void> {
    const { node, mode, replay, raw, visitor } = wish;
    const viewer: Viewer = {
      bytes: (chunk) => connection.bytes(chunk),
      onDrain: (callback) => connection.onDrain(callback),
      told: (told) => connection.told(told),
    };
    let attachment: Attachment | undefined;
    // Before anything can come: what is typed at once waits until there is somebody who types.
    const attaching = this.options.door
      .attach(node, visitor, { mode, replay, raw }, viewer)
      .then((place) => (attachment = place))
      .catch((error: unknown) => {
        if (!(error instanceof AttachRefused)) throw error;
        connection.told({ told: "bye", code: error.code, text: error.message });
        return undefined;
      });
    connection.start({
      typed: async (bytes) => (await attaching)?.input(bytes),
      asked: async (ask) => {
        const place = await attaching;
        if (place) connection.told(await place.ask(ask));
      },
      closed: () => {
        attachment?.detach("the connection ended");
        void attaching.then((place) => place?.detach("the connection ended"));
      },
    });
    await attaching;
  }

  /** For terminals: everything is text. */
  async #text(connection: Connection, wish: Wish, escape: string): Promise<void> {
    const { node, mode, replay, visitor } = wish;
    const { door, clock } = this.options;
    const session = new TextSession({
      door,
      node,
      visitor,
      mode,
      replay,
      escape,
      clock,
      output: {
        write: (bytes) => connection.bytes(bytes),
        onDrain: (callback) => connection.onDrain(callback),
        end: (text, code) => connection.told({ told: "bye", code, text }),
      },
    });
    connection.start({
      typed: (bytes) => session.input(bytes),
      asked: async ({ ask, ref }) => {
        if (ask === "break") return session.breakReceived();
        const text = "this connection takes commands after its escape only";
        connection.told({
          told: "refused",
          code: "invalid",
          text,
          ...(ref === undefined ? {} : { ref }),
        });
      },
      closed: () => session.closed(),
    });
  }
}

interface Handlers {
  readonly typed: (bytes: Buffer) => Promise<void>;
  readonly asked: (ask: ConsoleAsk) => Promise<void>;
  readonly closed: () => void;
}

/** One client's WebSocket: what it says in order, what it is told without waiting for it. */
class Connection {
  #underWayBytes = 0;
  #mistakes = 0;
  #drained: (() => void) | undefined;
  #alive = true;

  constructor(
    private readonly client: WebSocket,
    private readonly clock: Clock,
  ) {}

  start(handlers: Handlers): void {
    const { client } = this;
    const stopPinging = this.clock.every(PING, () => {
      // Of somebody who is not read now no answer can be seen.
      if (client.isPaused) return;
      if (!this.#alive) return client.terminate();
      this.#alive = false;
      client.ping();
    });
    client.on("pong", () => void (this.#alive = true));
    client.on("message", (data, isBinary) => this.#message(data, isBinary, handlers));
    // What is wrong with what the client sent closes the connection, which is told below.
    client.on("error", () => client.terminate());
    client.on("close", () => {
      stopPinging();
      handlers.closed();
    });
  }

  bytes(chunk: Uint8Array): boolean {
    const { client } = this;
    if (client.readyState !== client.OPEN) return true;
    client.send(chunk, { binary: true }, () => this.#sent());
    return client.bufferedAmount < HIGH_WATER_BYTES;
  }

  onDrain(callback: () => void): void {
    this.#drained = callback;
    if (this.client.bufferedAmount === 0) this.#sent();
  }

  told(told: ConsoleTold): void {
    const { client } = this;
    if (client.readyState !== client.OPEN) return;
    const checked = check(ConsoleTold, told, true);
    if (!checked.ok) {
      const { field, message } = checked.refusal;
      throw new TypeError(`what is told breaks its contract: ${field} ${message}`);
    }
    if (client.bufferedAmount > MOST_WAITING_BYTES) return client.terminate();
    client.send(JSON.stringify(told), { binary: false });
    if (told.told === "bye") client.close(1000, told.code);
  }

  #sent(): void {
    if (!this.#drained || this.client.bufferedAmount > HIGH_WATER_BYTES / 2) return;
    const drained = this.#drained;
    this.#drained = undefined;
    drained();
  }

  #message(data: RawData, isBinary: boolean, handlers: Handlers): void {
    this.#alive = true;
    // Without fragments ws gives a Buffer.
    const bytes = data as Buffer;
    if (isBinary) {
      void this.#busy(bytes.length, handlers.typed(bytes));
      return;
    }
    const ask = readAsk(bytes);
    if (!("problem" in ask)) {
      void this.#busy(ASK_BYTES + bytes.length, handlers.asked(ask));
      return;
    }
    this.#mistakes += 1;
    const { problem: text, ref } = ask;
    this.told({ told: "refused", code: "invalid", text, ...(ref === undefined ? {} : { ref }) });
    if (this.#mistakes >= MAX_MISTAKES) this.client.close(1008, "invalid");
  }

  /** Does not read on while too much is under way: the far end is a wire. */
  async #busy(bytes: number, doing: Promise<void>): Promise<void> {
    this.#underWayBytes += bytes;
    if (this.#underWayBytes > MAX_UNDER_WAY_BYTES) this.client.pause();
    try {
      await doing;
    } finally {
      this.#underWayBytes -= bytes;
      if (this.#underWayBytes <= MAX_UNDER_WAY_BYTES && this.client.isPaused) this.client.resume();
    }
  }
}

/** Something that cannot be read, with the number by which the client will know it again. */
interface Misread {
  readonly problem: string;
  readonly ref?: number;
}

/** @returns the ask, or why it is none */
function readAsk(bytes: Buffer): ConsoleAsk | Misread {
  let read: unknown;
  try {
    read = JSON.parse(bytes.toString());
  } catch {
    return { problem: "the message is no JSON" };
  }
  const checked = check(ConsoleAsk, read, true);
  if (checked.ok) return checked.value;
  const { field, message } = checked.refusal;
  const { ref } = Object(read) as { ref?: unknown };
  const known = typeof ref === "number" && Number.isSafeInteger(ref) && ref >= 0;
  return { problem: field === "" ? message : `${field} ${message}`, ...(known ? { ref } : {}) };
}

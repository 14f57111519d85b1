import { Client, type ClientConfig } from "pg";
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { StorageError } from "../storage-error.js";
import { failureOf } from "./postgres-failure.js";
import { COLUMN_TYPES } from "./values.js";

/** A transaction whose process stands still must not hold up the one that takes over for longer. */
const IDLE_IN_TRANSACTION_MS = 5_000;
const RETRY_AFTER = milliseconds(200);
const CONNECT_WITHIN_MS = 5_000;

export interface SessionSettings {
  readonly lockTimeoutMs: number;
  readonly readonly?: boolean;
  /** The longest that a statement may take. Unbounded by default. */
  readonly statementTimeoutMs?: number;
}

/** What a connection to the server is made with. Whatever the server's own settings say, a commit is flushed before it returns. */
export function clientConfig(url: string, settings: SessionSettings): ClientConfig {
  const options = {
    synchronous_commit: "on",
    default_transaction_isolation: "read\\ committed",
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    lock_timeout: settings.lockTimeoutMs,
    statement_timeout: settings.statementTimeoutMs ?? 0,
    default_transaction_read_only: settings.readonly ? "on" : "off",
  };
  return {
    connectionString: url,
    application_name: "outrider",
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    keepAlive: true,
    types: COLUMN_TYPES,
    options: Object.entries(options)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(" "),
  };
}

/** The server without what is secret in its URL. */
export function placeOf(url: string): string {
  try {
    const { hostname, port, pathname, searchParams } = new URL(url);
    const host = searchParams.get("host") ?? hostname;
    return `the PostgreSQL database ${pathname.slice(1)} at ${host}${port === "" ? "" : `:${port}`}`;
  } catch {
    return "the PostgreSQL database";
  }
}

/** A connection that says when it is gone. */
export class ServerConnection {
  readonly client: Client;
  lost = false;

  private constructor(config: ClientConfig & { readonly pipeline: boolean }) {
    this.client = new Client(config);
    const gone = (): void => {
      this.lost = true;
    };
    this.client.on("error", gone);
    this.client.on("end", gone);
  }

  /**
   * Connects, again and again until `withinMs` have passed.
   * @throws StorageError `unreachable`, at once when the server answers and refuses us
   */
  static async open(
    url: string,
    settings: SessionSettings,
    { withinMs, signal }: { readonly withinMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<ServerConnection> {
    const until = systemClock.monotonicMs() + withinMs;
    for (;;) {
      const connection = new ServerConnection({ ...clientConfig(url, settings), pipeline: true });
      try {
        await connection.client.connect();
        return connection;
      } catch (error) {
        connection.drop();
        const { code, message, cause } = failureOf(error, placeOf(url));
        if (code !== "unreachable" || systemClock.monotonicMs() >= until || isRefusal(error))
          throw new StorageError(code, message, { cause });
        await systemClock.sleep(RETRY_AFTER, signal);
      }
    }
  }

  /** Cuts it: what is under way on it fails. */
  drop(): void {
    this.lost = true;
    // Not part of the types, and the only way to be rid of a server that does not answer.
    const { connection } = this.client as unknown as {
      connection: { stream: { destroy(): void } };
    };
    connection.stream.destroy();
  }

  async close(): Promise<void> {
    if (this.lost) return;
    await this.client.end().catch(() => undefined);
  }
}

/** The server is there and knows neither user nor database, or not this password: waiting changes nothing. */
function isRefusal(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code.startsWith("28") || code === "3D000";
}

import { PortError } from "@outrider/ports/port-error";
import { seconds } from "@outrider/ports/time";
import type { HttpClient } from "./http.js";

/** Where uhttpd-mod-ubus listens, unless somebody moved it. */
const PATH = "/ubus";
export const UBUS_DEADLINE = seconds(8);
/** The session of nobody, with which to log in. */
const NOBODY = "00000000000000000000000000000000";
/** JSON-RPC: the session is over, or may not. */
const ACCESS_DENIED = -32002;
/** `enum ubus_msg_status` of libubus. */
const STATUS: Readonly<Record<number, string>> = {
  1: "invalid command",
  2: "invalid argument",
  3: "method not found",
  4: "not found",
  5: "no data",
  6: "permission denied",
  7: "timeout",
  8: "not supported",
  9: "unknown error",
  10: "connection failed",
};
const PERMISSION_DENIED = 6;

/** OpenWrt's bus over HTTP, with a login that is renewed when the device has forgotten it. */
export class UbusSession implements Disposable {
  #session: string | undefined;

  constructor(
    private readonly http: HttpClient,
    private readonly login: { readonly username: string; readonly password: string },
  ) {}

  get what(): string {
    return this.http.what;
  }

  /**
   * Calls a method. One that was refused because the session is over is called again in a new one: it did not happen.
   * @throws PortError `refused` with the device's word, `unreachable`, `timed-out`, `protocol`
   */
  async call(
    object: string,
    method: string,
    args: object,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, unknown>>> {
    const renewed = this.#session === undefined;
    this.#session ??= await this.#logIn(signal);
    const answer = await this.#post([this.#session, object, method, args], signal);
    if (answer === "denied") {
      this.#session = undefined;
      if (!renewed) return this.call(object, method, args, signal);
      throw this.#refused(`${object} ${method}`, "permission denied");
    }
    return this.#result(answer, `${object} ${method}`);
  }

  [Symbol.dispose](): void {
    this.http[Symbol.dispose]();
  }

  async #logIn(signal: AbortSignal): Promise<string> {
    const answer = await this.#post([NOBODY, "session", "login", this.login], signal);
    if (answer === "denied" || answer[0] === PERMISSION_DENIED) {
      throw this.#refused("session login", "permission denied");
    }
    const { ubus_rpc_session: session } = this.#result(answer, "session login");
    if (typeof session === "string") return session;
    throw this.#notUbus();
  }

  #result(answer: readonly unknown[], what: string): Readonly<Record<string, unknown>> {
    const [status, data = {}] = answer;
    if (status === 0 && typeof data === "object" && data !== null) {
      return data as Record<string, unknown>;
    }
    throw this.#refused(what, STATUS[Number(status)] ?? String(status));
  }

  async #post(
    params: readonly unknown[],
    signal: AbortSignal,
  ): Promise<readonly unknown[] | "denied"> {
    const body = { jsonrpc: "2.0", id: 1, method: "call", params };
    const asked = { method: "POST", path: PATH, body, deadline: UBUS_DEADLINE } as const;
    const { json } = await this.http.request(asked, signal);
    const { result, error } = (json ?? {}) as { result?: unknown; error?: { code?: unknown } };
    if (error?.code === ACCESS_DENIED) return "denied";
    if (error !== undefined) throw this.#refused("the call", `error ${String(error.code)}`);
    if (Array.isArray(result)) return result as readonly unknown[];
    throw this.#notUbus();
  }

  #refused(what: string, why: string): PortError {
    return new PortError(
      "refused",
      `${this.what} said no to ${what} (${why}). Check the login of the endpoint, its rights in /usr/share/rpcd/acl.d, and that the packages rpcd and realtek-poe are installed.`,
    );
  }

  #notUbus(): PortError {
    return new PortError(
      "protocol",
      `${this.what} does not answer as ubus does. Check that the address belongs to an OpenWrt with uhttpd-mod-ubus.`,
    );
  }
}

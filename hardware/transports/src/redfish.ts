import { PortError } from "@outrider/ports/port-error";
import { seconds, type Clock, type Duration } from "@outrider/ports/time";
import { HttpClient, type HttpAnswer, type HttpRequest } from "./http.js";
import { basicAuthorization } from "./http-login.js";
import { JointAttempt } from "./joint-attempt.js";
import { SharedByClock, type Share } from "./shared.js";
import type { TlsTrust } from "./tls-agent.js";

export type Json = Readonly<Record<string, unknown>>;

export interface RedfishAddress {
  /** `https://bmc.example` without a path. */
  readonly url: string;
  readonly trust?: TlsTrust | undefined;
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
  readonly clock: Clock;
}

const ROOT = "/redfish/v1/";
/** BMCs are slow computers. */
export const REDFISH_DEADLINE = seconds(15);
/** Whoever leaves does not wait long to say goodbye. */
const GOODBYE = seconds(2);

const services = new SharedByClock<RedfishService>();

/** The Redfish service at an address: one for all endpoints of this process, with one session. */
export function shareRedfish(address: RedfishAddress): Share<RedfishService> {
  const { url, trust, credentials, clock } = address;
  const key = JSON.stringify([url, trust, credentials]);
  return services.take(clock, key, () => new RedfishService(address));
}

/** A Redfish service (DSP0266). Logs in by a session where it has sessions, else by each request. */
export class RedfishService implements Disposable {
  readonly #http: HttpClient;
  readonly #logins = new JointAttempt<Session>();
  #session: Session | undefined;

  constructor(private readonly address: RedfishAddress) {
    const { url, trust, clock } = address;
    this.#http = new HttpClient({ address: { url }, name: "The BMC", clock, trust });
  }

  /** The service with its address, as messages name it. */
  get what(): string {
    return this.#http.what;
  }

  /** @throws PortError `invalid-options` when there is no such resource, `protocol` when it is no resource */
  async get(path: string, signal: AbortSignal): Promise<Json> {
    return (await this.#resource(path, signal)).json;
  }

  /** Changes a resource, and nothing that somebody else has changed meanwhile, where the service has ETags. */
  async patch(path: string, body: Json, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { etag } = await this.#resource(path, signal);
      const headers: Record<string, string> = etag === undefined ? {} : { "if-match": etag };
      const answer = await this.#ask({ method: "PATCH", path, body, headers }, signal);
      // 412: it has changed between the two, and nothing was done (DSP0266, 6.5).
      if (answer.status !== 412 || attempt === 2) return this.#throwUnlessOk(answer, path);
    }
  }

  /** Asks for an action, once. */
  async post(path: string, body: Json, signal: AbortSignal): Promise<void> {
    this.#throwUnlessOk(await this.#ask({ method: "POST", path, body }, signal), path);
  }

  /** The paths of the members of a collection. */
  async members(path: string, signal: AbortSignal): Promise<string[]> {
    const { Members } = await this.get(path, signal);
    if (!Array.isArray(Members)) throw this.#odd(path);
    return Members.flatMap((member) => linkOf(member) ?? []);
  }

  [Symbol.dispose](): void {
    void this.#goodbye();
  }

  async #goodbye(): Promise<void> {
    const session = this.#session;
    if (session && "location" in session && session.location !== undefined) {
      const { token, location: path } = session;
      const headers = { "x-auth-token": token };
      const never = new AbortController().signal;
      await this.#http
        .request({ method: "DELETE", path, headers, deadline: GOODBYE, anyAnswer: true }, never)
        .catch(() => {});
    }
    this.#http[Symbol.dispose]();
  }

  async #resource(path: string, signal: AbortSignal): Promise<{ json: Json; etag?: string }> {
    const answer = await this.#ask({ method: "GET", path }, signal);
    this.#throwUnlessOk(answer, path);
    if (!isJson(answer.json)) throw this.#odd(path);
    const etag = answer.headers.etag ?? answer.json["@odata.etag"];
    return { json: answer.json, ...(typeof etag === "string" ? { etag } : {}) };
  }

  /** Asks with the login; once more with a new one when the service knows it no more. */
  async #ask(asked: Omit<HttpRequest, "deadline">, signal: AbortSignal): Promise<HttpAnswer> {
    const session = await this.#login(signal);
    const answer = await this.#send(asked, headersOf(session), signal);
    if (answer.status !== 401 || !("token" in session)) return answer;
    this.#session = undefined;
    return this.#send(asked, headersOf(await this.#login(signal)), signal);
  }

  #send(
    asked: Omit<HttpRequest, "deadline">,
    login: Readonly<Record<string, string>>,
    signal: AbortSignal,
    deadline: Duration = REDFISH_DEADLINE,
  ): Promise<HttpAnswer> {
    const headers = { "odata-version": "4.0", accept: "application/json", ...asked.headers };
    return this.#http.request({ ...asked, headers: { ...headers, ...login }, deadline }, signal);
  }

  /** One login for all who ask at once. */
  async #login(signal: AbortSignal): Promise<Session> {
    const { credentials } = this.address;
    if (!credentials) return {};
    this.#session ??= await this.#logins.join(signal, `${this.what} (login)`, (within) =>
      this.#open(credentials, within),
    );
    return this.#session;
  }

  async #open(
    { username, password }: { readonly username: string; readonly password: string },
    signal: AbortSignal,
  ): Promise<Session> {
    const root = await this.#send({ method: "GET", path: ROOT }, {}, signal);
    const links = isJson(root.json) ? root.json["Links"] : undefined;
    const path = isJson(links) ? linkOf(links["Sessions"]) : undefined;
    if (path === undefined) return basicAuthorization(username, password);
    const body = { UserName: username, Password: password };
    const answer = await this.#send({ method: "POST", path, body }, {}, signal);
    this.#throwUnlessOk(answer, path);
    const token = answer.headers["x-auth-token"];
    if (typeof token !== "string") throw this.#odd(path);
    return { token, location: pathOf(answer.headers.location) };
  }

  #throwUnlessOk(answer: HttpAnswer, path: string): void {
    const { status } = answer;
    if (status >= 200 && status < 300) return;
    const what = `${this.what} (${path})`;
    if (status === 401 || status === 403) {
      throw new PortError(
        "refused",
        `${what} does not let the user in (${status}). Check username and password of the endpoint, and the user's role on the BMC.`,
      );
    }
    if (status === 404) {
      throw new PortError(
        "invalid-options",
        `${what} is not there. Correct the option system of the endpoint.`,
      );
    }
    throw new PortError(
      "refused",
      `${what} refuses (${status}): ${wordsOf(answer)} Look at the BMC, then repeat.`,
    );
  }

  #odd(path: string): PortError {
    return new PortError(
      "protocol",
      `${this.what} (${path}) does not answer as a Redfish service does. Check that the address belongs to a BMC.`,
    );
  }
}

type Session =
  | { readonly token: string; readonly location: string | undefined }
  | { readonly authorization?: string };

function headersOf(session: Session): Record<string, string> {
  if ("token" in session) return { "x-auth-token": session.token };
  return session.authorization === undefined ? {} : { authorization: session.authorization };
}

/** The target of a link: `{"@odata.id": "/redfish/v1/…"}`. Only paths, so that no answer leads to another host. */
export function linkOf(value: unknown): string | undefined {
  const path = isJson(value) ? value["@odata.id"] : undefined;
  return typeof path === "string" && /^\/[!-~]{1,500}$/.test(path) ? path : undefined;
}

export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pathOf(location: string | undefined): string | undefined {
  if (location === undefined) return undefined;
  return URL.canParse(location) ? new URL(location).pathname : location;
}

/** What the service says, for people: extended information first (DSP0266, 8.6). */
function wordsOf({ json, text }: HttpAnswer): string {
  const error = isJson(json) ? json["error"] : undefined;
  if (!isJson(error)) return text.slice(0, 200).replace(/\s+/g, " ");
  const extended = error["@Message.ExtendedInfo"];
  const said = (Array.isArray(extended) ? extended : [])
    .map((one) => (isJson(one) ? one["Message"] : undefined))
    .filter((one) => typeof one === "string");
  const { message } = error;
  const words = typeof message === "string" ? message : "no reason given.";
  return (said.length > 0 ? said.join(" ") : words).slice(0, 400);
}

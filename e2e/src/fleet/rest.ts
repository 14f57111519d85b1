/** A person's script: the gateway's REST interface, by fetch alone. */
export class Rest {
  /** @param authorization header of whoever asks; none for the anonymous operator of a demonstration */
  constructor(
    readonly url: string,
    private readonly authorization?: string,
  ) {}

  /** The bearer token that is sent. */
  get token(): string {
    return this.authorization?.replace(/^Bearer /, "") ?? "";
  }

  /**
   * Signs in as a person does, and goes on with a token of theirs.
   * @param next the new password, where the one that is given is for one use
   */
  static async signedIn(url: string, name: string, password: string, next?: string): Promise<Rest> {
    const stranger = new Rest(url);
    const signIn = async (secret: string): Promise<Record<string, string>> => {
      const { headers } = await stranger.ask("POST", "/session", { name, password: secret });
      const cookie = (headers.get("set-cookie") ?? "").split(";")[0] ?? "";
      return { cookie, "outrider-via": "cli" };
    };
    let session = await signIn(password);
    if (next !== undefined) {
      const change = { old: password, new: next };
      await stranger.ask("PUT", "/session/password", change, undefined, session);
      session = await signIn(next);
    }
    const token = await stranger.ask(
      "POST",
      `/users/${name}/tokens`,
      { name: "test" },
      undefined,
      session,
    );
    return new Rest(url, `Bearer ${(token.body as { token: string }).token}`);
  }

  /** Adds a person, who signs in for the first time. Only as an administrator. */
  async newPerson(name: string, role: string, nodes?: string): Promise<Rest> {
    const asked = { name, role, ...(nodes === undefined ? {} : { nodes }) };
    const { password } = await this.post<{ password: string }>("/users", asked);
    return Rest.signedIn(this.url, name, password, `${password} and more`);
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.ask("GET", path, undefined, signal).then(({ body }) => body as T);
  }

  /** What an answer that does not end by itself says in so many milliseconds. @throws RestError */
  async begun(path: string, forMs = 2000): Promise<string> {
    const headers = this.authorization === undefined ? {} : { authorization: this.authorization };
    const response = await fetch(`${this.url}/api/v1${path}`, { headers });
    if (!response.ok) throw new RestError(response.status, await response.json());
    let said = "";
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const enough = setTimeout(() => void reader?.cancel(), forMs);
    for (;;) {
      const piece = await reader?.read();
      if (!piece || piece.done) break;
      said += piece.value;
    }
    clearTimeout(enough);
    return said;
  }

  post<T>(path: string, body: object, headers: Record<string, string> = {}): Promise<T> {
    return this.ask("POST", path, body, undefined, headers).then((answer) => answer.body as T);
  }

  async delete(path: string): Promise<void> {
    await this.ask("DELETE", path);
  }

  /** @throws RestError for an answer that is a problem */
  async ask(
    method: string,
    path: string,
    body?: object,
    signal?: AbortSignal,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: unknown; headers: Headers }> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(this.authorization === undefined ? {} : { authorization: this.authorization }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
    const text = await response.text();
    // Metrics and CSV are text.
    const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
    const read: unknown = text === "" ? undefined : isJson ? JSON.parse(text) : text;
    if (!response.ok) throw new RestError(response.status, read);
    return { status: response.status, body: read, headers: response.headers };
  }
}

/** A problem document, as an error. */
export class RestError extends Error {
  override readonly name = "RestError";

  constructor(
    readonly status: number,
    readonly problem: unknown,
  ) {
    super(`${status}: ${JSON.stringify(problem)}`);
  }
}

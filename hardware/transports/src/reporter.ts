import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, seconds, type Clock } from "@outrider/ports/time";
import { HttpClient, type HttpAnswer } from "./http.js";

export interface ReporterOptions {
  readonly host: string;
  readonly port: number;
  /** What the host and its agent share. */
  readonly secret: string;
  readonly clock: Clock;
}

/** What the program on a host says of it, signed for just this question. */
export interface HostReport {
  readonly bootId: string;
  readonly uptimeSeconds: number;
  readonly state: "running" | "going-down";
  /** Why it did not go down when it was told to; empty: it was not, or it does. */
  readonly problem: string;
  readonly challenge: string;
  /** `Linux 6.12.47+rpt-rpi-v8`. */
  readonly kernel: string;
}

/** A disk as the kernel of its host and it itself tell of it; what nobody knows is missing. */
export interface HostDisk {
  readonly serial?: string;
  readonly model?: string;
  readonly sizeBytes?: number;
  /** What it says of itself (SMART). */
  readonly healthy?: boolean;
  readonly temperatureCelsius?: number;
  readonly mediaLifeLeftPercent?: number;
}

/** How a host is, by its own word. */
export interface HostReadings {
  readonly load: readonly number[];
  readonly memoryTotalBytes: number;
  readonly memoryAvailableBytes: number;
  /** Of its processor, where its kernel measures that. */
  readonly temperatureCelsius?: number;
  /** By the kernel's name: `sda`, `nvme0n1`. */
  readonly disks: Readonly<Record<string, HostDisk>>;
}

const PROTOCOL = "outrider-reporter/1";
/** The command is given three seconds to fail. */
const SHUTDOWN_WITHIN = seconds(7);
const MAX_BYTES = 65_536;

/** The small program on a host that says that it runs and how it is, and that shuts it down. */
export class Reporter implements Disposable {
  readonly #http: HttpClient;

  constructor(private readonly options: ReporterOptions) {
    const { host, port, clock } = options;
    const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
    this.#http = new HttpClient({ address: { url }, name: "The reporter", clock });
  }

  /** The reporter with its address, as messages name it. */
  get what(): string {
    return this.#http.what;
  }

  /**
   * @throws PortError `refused`: it has another secret · `protocol`: somebody answers who does not have ours ·
   *   `unreachable` · `timed-out` · the signal's reason
   */
  async report(waitMs: number, signal: AbortSignal): Promise<HostReport> {
    const nonce = randomBytes(32).toString("hex");
    const body = { nonce, mac: this.#sign("hello", nonce) };
    const answer = await this.#post("/v1/hello", body, milliseconds(waitMs), signal);
    if (answer.status !== 200) throw this.#refused(answer);
    const said = this.#object(answer);
    const { bootId, uptimeSeconds, state, problem, challenge, kernel, mac } = said;
    if (
      typeof bootId !== "string" ||
      typeof uptimeSeconds !== "number" ||
      (state !== "running" && state !== "going-down") ||
      typeof problem !== "string" ||
      typeof challenge !== "string" ||
      typeof kernel !== "string"
    ) {
      throw this.#stranger();
    }
    this.#check(mac, "host", nonce, bootId, uptimeSeconds, state, problem, challenge, kernel);
    return { bootId, uptimeSeconds, state, problem, challenge, kernel };
  }

  /** How the host is now. @throws PortError as {@link report} */
  async readings(waitMs: number, signal: AbortSignal): Promise<HostReadings> {
    const nonce = randomBytes(32).toString("hex");
    const body = { nonce, mac: this.#sign("readings", nonce) };
    const answer = await this.#post("/v1/readings", body, milliseconds(waitMs), signal);
    if (answer.status === 404) {
      throw new PortError(
        "unsupported",
        `${this.what} is of an older version, which measures nothing. Install the present outrider-reporter there.`,
      );
    }
    if (answer.status !== 200) throw this.#refused(answer);
    const { readings, mac } = this.#object(answer);
    if (typeof readings !== "string") throw this.#stranger();
    this.#check(mac, "measured", nonce, readings);
    return hostReadings(readings) ?? this.#nonsense();
  }

  /** Asks once, for the boot that is running now. @throws PortError as above; `refused` also with why it does not go down */
  async shutDown(signal: AbortSignal): Promise<void> {
    const { challenge, bootId } = await this.report(SHUTDOWN_WITHIN / 2, signal);
    const body = { challenge, mac: this.#sign("shutdown", challenge, bootId) };
    const answer = await this.#post("/v1/shutdown", body, SHUTDOWN_WITHIN, signal);
    if (answer.status === 200) {
      this.#check(this.#object(answer)["mac"], "accepted", challenge);
      return;
    }
    if (answer.status !== 502) throw this.#refused(answer);
    const { error, mac } = this.#object(answer);
    this.#check(mac, "failed", challenge, String(error));
    throw new PortError(
      "refused",
      `${this.what} could not shut its host down: ${String(error).slice(0, 300)}. Look at the journal of outrider-reporter there.`,
    );
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
  }

  #post(
    path: string,
    body: object,
    deadline: ReturnType<typeof seconds>,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const request = { method: "POST", path, body, deadline, maxBytes: MAX_BYTES } as const;
    return this.#http.request(request, signal);
  }

  #sign(kind: string, ...fields: readonly (string | number)[]): string {
    const said = [PROTOCOL, kind, ...fields].join("\n");
    return createHmac("sha256", this.options.secret).update(said).digest("hex");
  }

  #check(mac: unknown, kind: string, ...fields: readonly (string | number)[]): void {
    const ours = Buffer.from(this.#sign(kind, ...fields));
    const theirs = Buffer.from(typeof mac === "string" ? mac : "");
    if (ours.length !== theirs.length || !timingSafeEqual(ours, theirs)) throw this.#stranger();
  }

  #object({ json }: HttpAnswer): Record<string, unknown> {
    if (typeof json === "object" && json !== null) return json as Record<string, unknown>;
    throw this.#stranger();
  }

  #nonsense(): never {
    throw new PortError(
      "protocol",
      `${this.what} says of its host what is none of what it should. Install the outrider-reporter of this version there.`,
    );
  }

  #stranger(): PortError {
    return new PortError(
      "protocol",
      `${this.what}: the answer is not signed with the secret of this endpoint. Check that the address belongs to the host, and the secret on both sides.`,
    );
  }

  #refused({ status }: HttpAnswer): PortError {
    if (status === 403) {
      return new PortError(
        "refused",
        `${this.what} has another secret. Make them equal: /etc/outrider/reporter-secret on the host, and the secret of the endpoint.`,
      );
    }
    if (status === 409) {
      return new PortError(
        "refused",
        `${this.what}: the request came too late or twice, and nothing was done. Repeat it.`,
      );
    }
    return new PortError(
      "protocol",
      `${this.what} answers with status ${status}, as no reporter does. Check that the address and port belong to it.`,
    );
  }
}

/** What was signed came from who knows the secret, and may be wrong all the same. */
function hostReadings(text: string): HostReadings | undefined {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(said)) return undefined;
  const { load, memoryTotalBytes, memoryAvailableBytes, temperatureCelsius, disks } = said;
  const isLoad = Array.isArray(load) && load.every((one) => typeof one === "number");
  if (!isLoad || typeof memoryTotalBytes !== "number" || typeof memoryAvailableBytes !== "number")
    return undefined;
  if (!isRecord(disks)) return undefined;
  const known = Object.entries(disks).map(([name, disk]) => [name, hostDisk(disk)] as const);
  return {
    load,
    memoryTotalBytes,
    memoryAvailableBytes,
    ...(typeof temperatureCelsius === "number" ? { temperatureCelsius } : {}),
    disks: Object.fromEntries(known),
  };
}

function hostDisk(said: unknown): HostDisk {
  const disk = isRecord(said) ? said : {};
  const of = <T>(type: string, keys: readonly string[]): Record<string, T> =>
    Object.fromEntries(
      keys.filter((key) => typeof disk[key] === type).map((key) => [key, disk[key] as T]),
    );
  return {
    ...of<string>("string", ["serial", "model"]),
    ...of<number>("number", ["sizeBytes", "temperatureCelsius", "mediaLifeLeftPercent"]),
    ...of<boolean>("boolean", ["healthy"]),
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

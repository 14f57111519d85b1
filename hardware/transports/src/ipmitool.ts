import { PortError } from "@outrider/ports/port-error";
import { seconds, type Clock, type Duration } from "@outrider/ports/time";
import { CHILD_PATH, runChild } from "./child.js";

export interface BmcAddress {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** Of RMCP+: 17 is SHA-256 with AES, 3 is SHA-1 with AES. */
  readonly cipherSuite: number;
  readonly privilege: "USER" | "OPERATOR" | "ADMINISTRATOR";
}

/** Of one run. */
export const IPMI_DEADLINE = seconds(20);
const SWEEP_DEADLINE = seconds(60);
/** A question may be lost on the way and asked again. The time until a BMC is given up grows with the square of the tries. */
const READING = ["-N", "1", "-R", "2"];
/** A request is sent once: a BMC that is slow to answer would else do twice what it is asked. */
const ACTING = ["-N", "5", "-R", "1"];

/** A BMC over IPMI 2.0, by ipmitool. Its password is in the environment of the child, never among its arguments. */
export class Ipmitool {
  constructor(
    private readonly bmc: BmcAddress,
    private readonly clock: Clock,
  ) {}

  /** The BMC with its address, as messages name it. */
  get what(): string {
    return `The BMC at ${this.address}`;
  }

  get address(): string {
    return `${this.bmc.host}:${this.bmc.port}`;
  }

  /** Has it do what is no raw request, once. @throws as `read` */
  async run(subcommand: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#run(ACTING, subcommand, IPMI_DEADLINE, signal);
  }

  /** Why a child of {@link child} has failed, by what it said. */
  failure(said: string): PortError {
    return failureOf(this.what, said);
  }

  /**
   * Asks a question by its numbers (IPMI 2.0, appendix G). @returns the bytes of the answer
   * @throws PortError `refused` or `unsupported` with the completion code, `unreachable`, `timed-out`, `protocol`
   */
  read(bytes: readonly number[], signal: AbortSignal): Promise<number[]> {
    return this.#raw(READING, bytes, signal);
  }

  /** Asks for something to be done, once. */
  async act(bytes: readonly number[], signal: AbortSignal): Promise<void> {
    await this.#raw(ACTING, bytes, signal);
  }

  /** All sensors as comma-separated lines: name, value, unit, status. */
  async sensors(signal: AbortSignal): Promise<string> {
    return this.#run([...READING, "-c"], ["sdr", "list", "all"], SWEEP_DEADLINE, signal);
  }

  /** Arguments and environment for a child that somebody else runs. */
  child(...subcommand: string[]): { args: string[]; env: Record<string, string> } {
    const { host, port, username, password, cipherSuite, privilege } = this.bmc;
    const session = ["-I", "lanplus", "-H", host, "-p", String(port), "-U", username, "-E"];
    return {
      args: [...session, "-C", String(cipherSuite), "-L", privilege, ...subcommand],
      env: { PATH: CHILD_PATH, LC_ALL: "C", IPMI_PASSWORD: password },
    };
  }

  async #raw(
    retry: readonly string[],
    bytes: readonly number[],
    signal: AbortSignal,
  ): Promise<number[]> {
    const numbers = bytes.map((byte) => `0x${byte.toString(16).padStart(2, "0")}`);
    const said = await this.#run(retry, ["raw", ...numbers], IPMI_DEADLINE, signal);
    const words = said.split(/\s+/).filter((word) => word !== "");
    if (words.every((word) => /^[0-9a-f]{2}$/.test(word)))
      return words.map((word) => Number.parseInt(word, 16));
    throw new PortError(
      "protocol",
      `${this.what}: ipmitool says what no answer is. Check its version (1.8.18 or later).`,
    );
  }

  async #run(
    options: readonly string[],
    subcommand: readonly string[],
    deadline: Duration,
    signal: AbortSignal,
  ): Promise<string> {
    const { args, env } = this.child(...options, ...subcommand);
    const { what, clock } = this;
    const run = { command: "ipmitool", args, env, what, deadline, clock };
    const { code, stdout, stderr } = await runChild(run, signal);
    if (code === 0) return stdout;
    throw failureOf(what, `${stderr}\n${stdout}`);
  }
}

/** Completion codes that say that this BMC never does it (IPMI 2.0, table 5-2). */
const NEVER: ReadonlySet<string> = new Set(["0xc1", "0xc2"]);

function failureOf(what: string, said: string): PortError {
  const [, code, words] = /rsp=(0x[0-9a-f]{2})\): ([^\n]{1,200})/.exec(said) ?? [];
  if (code !== undefined) {
    return NEVER.has(code)
      ? new PortError(
          "unsupported",
          `${what} does not know this request (${words}). Remove the action or the endpoint.`,
        )
      : new PortError("refused", `${what} refuses: ${words} (${code}). Look at it, then repeat.`);
  }
  if (/HMAC is invalid|unauthorized name|illegal parameter|password/i.test(said)) {
    return new PortError(
      "refused",
      `${what} does not let the user in. Check username and password of the endpoint.`,
    );
  }
  if (/Unable to establish|Could not open socket|Address lookup/i.test(said)) {
    return new PortError(
      "unreachable",
      `${what}: no session by IPMI 2.0. Check that it has power, that its address, user and password are right, and that it offers the cipher suite.`,
    );
  }
  return new PortError(
    "timed-out",
    `${what} has not answered in time. It may have acted: read before repeating.`,
  );
}

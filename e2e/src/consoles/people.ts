import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@outrider/testing/eventually";
import type { Deployment } from "../deployment.js";

const LIMIT_MS = 90_000;

/** A program of the operating system with somebody who types at it, over pipes. */
export class Program implements AsyncDisposable {
  readonly #child: ReturnType<typeof spawn>;
  readonly #closed: Promise<unknown>;
  #chunks: Buffer[] = [];

  private constructor(command: string, args: readonly string[], env: Record<string, string>) {
    this.#child = spawn(command, args, { env: { ...process.env, ...env } });
    this.#closed = once(this.#child, "close");
    this.#child.stdout?.on("data", (chunk: Buffer) => this.#chunks.push(chunk));
    this.#child.stderr?.on("data", (chunk: Buffer) => this.#chunks.push(chunk));
    this.#child.stdin?.on("error", () => undefined);
  }

  /** Debian's telnet, signed in as the operator and at a console. */
  static async telnet(lab: Deployment, port: number): Promise<Program> {
    const { username, password } = await lab.identities.secret("person", "operator");
    const telnet = new Program("telnet", ["127.0.0.1", String(port)], {});
    await telnet.sees("user: ");
    telnet.type(`${username}\n`);
    await telnet.sees("Password: ");
    telnet.type(`${password}\n`);
    await telnet.sees("^Ec? helps");
    return telnet;
  }

  /** OpenSSH, as the operator. @param node whose console, and a command where there is one */
  static async ssh(lab: Deployment, node: string, ...command: string[]): Promise<Program> {
    const { username, password } = await lab.identities.secret("person", "operator");
    const folder = join(lab.data, "..");
    const askpass = join(folder, "askpass");
    await writeFile(askpass, `#!/bin/sh\necho '${password}'\n`);
    await chmod(askpass, 0o700);
    const settings = [
      "IdentityAgent=none",
      "PubkeyAuthentication=no",
      "StrictHostKeyChecking=accept-new",
      `UserKnownHostsFile=${join(folder, "known_hosts")}`,
      "LogLevel=ERROR",
    ].flatMap((setting) => ["-o", setting]);
    const words = `-F none -tt -p ${lab.sshPort} -l ${username}:${node}`.split(" ");
    return new Program("ssh", [...words, ...settings, "127.0.0.1", ...command], {
      SSH_ASKPASS: askpass,
      SSH_ASKPASS_REQUIRE: "force",
      DISPLAY: "none",
    });
  }

  /** Everything that it has shown so far. */
  get shown(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  type(text: string): void {
    this.#child.stdin?.write(Buffer.from(text, "latin1"));
  }

  async sees(text: string): Promise<void> {
    await eventually(
      `it shows ${JSON.stringify(text)}`,
      () => {
        if (this.shown.includes(text)) return true;
        throw new Error(JSON.stringify(this.shown.subarray(-500).toString("latin1")));
      },
      { withinMs: LIMIT_MS },
    );
  }

  /** Resolves when it has ended by itself. */
  async ends(): Promise<void> {
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#closed;
  }
}

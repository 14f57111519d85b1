import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Identity } from "@outrider/contracts/acl";
import type { Role } from "@outrider/contracts/identity";
import { startNode } from "@outrider/testing/child";
import type { Secret } from "@outrider/testing/outrider-broker";

type Kind = Identity["kind"];

/** The identities that a broker of ours keeps in its data folder. */
export class Identities {
  /** @param environment of the program that adds them, beside the folder: where the database is, if it is no file */
  constructor(
    private readonly data: string,
    private readonly environment: Readonly<Record<string, string>> = {},
  ) {}

  /** Adds one where there is none, as an operator does. @returns its user name and secret */
  async add(kind: Kind, name: string, role?: Role): Promise<Secret> {
    const adding = await startNode(import.meta.resolve("@outrider/broker/credentials-main"), {
      args: ["add", kind, name, ...(role ? [role] : [])],
      env: { OUTRIDER_DATA: this.data, ...this.environment },
      ready: "none",
    });
    const { code } = await adding.exited;
    if (code !== 0) throw new Error(`${kind}:${name} was not added: ${adding.stderr()}`);
    return this.secret(kind, name);
  }

  /** The user name and secret of one that is there. */
  async secret(kind: Kind, name: string): Promise<Secret> {
    const password = await readFile(this.secretFile(kind, name), "utf8");
    return { username: kind === "person" ? name : `${kind}:${name}`, password: password.trim() };
  }

  secretFile(kind: Kind, name: string): string {
    return join(this.data, "secrets", `${kind}-${name}`);
  }
}

import type { SecretReference } from "@outrider/contracts/secret";
import type { Tested } from "@outrider/contracts/agent-request";
import { saw, tested } from "../tested.js";
import { UnknownEndpoint } from "../unknown-endpoint.js";

/** An endpoint that can be opened when its secret is there: its option `secret` names the file. */
export class SecretEndpoint extends UnknownEndpoint {
  secret: string | undefined;

  override async open(): Promise<void> {
    const { secret } = this.desired.options as { readonly secret: SecretReference };
    this.secret = await this.secrets(secret);
  }

  override async close(): Promise<void> {
    this.secret = undefined;
  }

  override async test(): Promise<Tested> {
    return tested(saw("it is open"));
  }
}

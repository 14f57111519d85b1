import { seconds, type Clock } from "@outrider/contracts/clock";
import type {
  EmailChannel,
  NotificationChannel,
  NtfyChannel,
  ServiceSecret,
  WebhookChannel,
} from "@outrider/contracts/telemetry-policy";
import type { AddressPolicy } from "@outrider/service-kit/outbound/address-policy";
import {
  allowedAddress,
  guardedPost,
  type Lookup,
  type Posted,
} from "@outrider/service-kit/outbound/guarded-post";
import type { ServiceSecrets } from "@outrider/service-kit/outbound/service-secrets";
import { createTransport } from "nodemailer";
import type { Message } from "./message.js";

const WITHIN = seconds(20);
const SERVICE = "telemetry";
/** What ntfy takes as a message; more becomes an attachment. */
const NTFY_BYTES = 4000;

export interface SenderParts {
  readonly clock: Clock;
  readonly policy: AddressPolicy;
  readonly secrets: ServiceSecrets;
  readonly lookup?: Lookup | undefined;
}

/** Sends a message one way. What goes wrong is said in a sentence, without secrets. */
export class Senders {
  constructor(private readonly parts: SenderParts) {}

  async send(
    { webhook, email, ntfy }: NotificationChannel,
    message: Message,
    signal: AbortSignal,
  ): Promise<Posted> {
    try {
      if (webhook) return await this.#webhook(webhook, message, signal);
      if (ntfy) return await this.#ntfy(ntfy, message, signal);
      if (email) return await this.#email(email, message, signal);
    } catch (error) {
      return { ok: false, detail: error instanceof Error ? error.message : String(error) };
    }
    return { ok: false, detail: "the channel says neither webhook, email nor ntfy" };
  }

  async #webhook(
    { url, token }: WebhookChannel,
    message: Message,
    signal: AbortSignal,
  ): Promise<Posted> {
    return this.#post(url, message, token, signal);
  }

  /** As JSON to the server's root (docs.ntfy.sh/publish, "Publish as JSON"), which takes any text. */
  async #ntfy({ url, token }: NtfyChannel, message: Message, signal: AbortSignal): Promise<Posted> {
    const { title, text, kind, severity } = message;
    const target = new URL(url);
    const path = target.pathname.split("/");
    const topic = path.pop() ?? "";
    target.pathname = `${path.join("/")}/`;
    const isBad = kind !== "resolved";
    const body = {
      topic,
      title,
      message: Buffer.from(text).subarray(0, NTFY_BYTES).toString("utf8"),
      priority: isBad ? (severity === "Critical" ? 5 : 3) : 2,
      tags: [isBad ? (severity === "Critical" ? "rotating_light" : "warning") : "white_check_mark"],
    };
    return this.#post(target.href, body, token, signal);
  }

  async #post(
    url: string,
    body: object,
    token: ServiceSecret | undefined,
    signal: AbortSignal,
  ): Promise<Posted> {
    const found = token && (await this.parts.secrets.find(token));
    if (found && !found.ok) return found;
    const { clock, policy, lookup } = this.parts;
    return guardedPost(url, body, {
      deadlineMs: WITHIN,
      clock,
      policy,
      lookup,
      signal,
      service: SERVICE,
      headers: found ? { authorization: `Bearer ${found.secret}` } : {},
    });
  }

  async #email(
    { server, from, to, username, password }: EmailChannel,
    { id, at, title, text, site }: Message,
    signal: AbortSignal,
  ): Promise<Posted> {
    const url = new URL(server);
    const name = url.hostname.replace(/^\[|\]$/g, "");
    const isTls = url.protocol === "smtps:";
    const address = await allowedAddress(name, { ...this.parts, service: SERVICE });
    if ("refused" in address) return { ok: false, detail: address.refused };
    const secret = password && (await this.parts.secrets.find(password));
    if (secret && !secret.ok) return secret;
    const transport = createTransport({
      host: address.address,
      port: url.port === "" ? (isTls ? 465 : 587) : Number(url.port),
      secure: isTls,
      // A password is never sent in the clear.
      requireTLS: username !== undefined && !isTls,
      tls: { servername: name },
      ...(username !== undefined && secret
        ? { auth: { user: username, pass: secret.secret } }
        : {}),
      connectionTimeout: WITHIN,
      greetingTimeout: WITHIN,
      socketTimeout: WITHIN,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const stop = (): void => transport.close();
    signal.addEventListener("abort", stop, { once: true });
    try {
      await transport.sendMail({
        from: { name: `Outrider ${site}`, address: from },
        to,
        subject: title,
        text: `${text}\n`,
        // Not of when it is sent: that may be hours later.
        date: new Date(at),
        messageId: `<${id}@${from.split("@")[1]}>`,
        headers: { "Auto-Submitted": "auto-generated" },
      });
      return { ok: true };
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      return {
        ok: false,
        detail: `${url.host} did not take the mail: ${said}`.slice(0, 500),
        ...(isRefused(error) ? { permanent: true } : {}),
      };
    } finally {
      signal.removeEventListener("abort", stop);
      transport.close();
    }
  }
}

/** 5yz is a permanent negative completion reply (RFC 5321, 4.2.1). */
function isRefused(error: unknown): boolean {
  if (!(error instanceof Error) || !("responseCode" in error)) return false;
  return typeof error.responseCode === "number" && error.responseCode >= 500;
}

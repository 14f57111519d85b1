import {
  guardedPost,
  type Lookup,
  type PostOptions,
} from "@outrider/service-kit/outbound/guarded-post";
import type { HookContext, HookOutcome } from "./hook-outcome.js";

export type { Lookup };
export type WebhookOptions = Omit<PostOptions, "service" | "headers">;

/** Asks a URL with POST and JSON, where it may be reached, see {@link guardedPost}. */
export function runWebhook(
  url: string,
  context: HookContext,
  options: WebhookOptions,
): Promise<HookOutcome> {
  return guardedPost(url, context, { ...options, service: "power" });
}

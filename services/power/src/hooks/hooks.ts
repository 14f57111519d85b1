import type { Clock } from "@outrider/contracts/clock";
import type { DrainHook, RolePolicy } from "@outrider/contracts/fleet";
import type { AddressPolicy } from "@outrider/service-kit/outbound/address-policy";
import { runCommandHook } from "./command-hook.js";
import { failed, type HookContext, type HookOutcome } from "./hook-outcome.js";
import { runWebhook, type Lookup } from "./webhook.js";

/** A hook of one of a node's roles. */
export interface RoleHook {
  readonly role: string;
  readonly hook: DrainHook;
}

/** The hooks of a node, in the order in which they run: undrain hooks in the reverse of drain hooks. */
export function hooksOf(
  roles: readonly string[],
  policyOf: (role: string) => RolePolicy | undefined,
  which: HookContext["hook"],
): RoleHook[] {
  const hooks = roles.flatMap((role) => {
    const hook = policyOf(role)?.[which];
    return hook ? [{ role, hook }] : [];
  });
  return which === "drain" ? hooks : hooks.toReversed();
}

export interface HooksResult {
  /** Whether the node may go down. */
  readonly go: boolean;
  /** What failed, in sentences. */
  readonly detail?: string | undefined;
}

/** Runs the hooks of a node one after another. */
export class Hooks {
  constructor(
    private readonly parts: {
      readonly clock: Clock;
      readonly policy: AddressPolicy;
      readonly lookup?: Lookup;
      /** The folder that programs have to lie in; undefined: they may lie anywhere. */
      readonly hookDirectory?: string | undefined;
    },
  ) {}

  /** Stops at the first that fails and whose failure means stop. @param signal aborted: what runs is killed */
  async run(
    hooks: readonly RoleHook[],
    context: Omit<HookContext, "role">,
    signal: AbortSignal,
  ): Promise<HooksResult> {
    const failures: string[] = [];
    for (const { role, hook } of hooks) {
      const outcome = await this.#one(hook, { ...context, role }, signal).catch((error: unknown) =>
        // What a site declares fails as a hook, and never ends the service that carries everything else.
        failed("it could not be run", error instanceof Error ? error.message : String(error)),
      );
      if (outcome.ok) continue;
      failures.push(`the ${context.hook} hook of role ${role} failed: ${outcome.detail}`);
      if (signal.aborted || hook.onFailure === "stop") {
        return { go: false, detail: failures.join("; ") };
      }
    }
    return { go: true, detail: failures.length === 0 ? undefined : failures.join("; ") };
  }

  async #one(hook: DrainHook, context: HookContext, signal: AbortSignal): Promise<HookOutcome> {
    if (signal.aborted) return failed("it was not run, because it was not needed any more", "");
    const { deadlineMs } = hook;
    if (hook.command) {
      return runCommandHook(hook.command, context, { ...this.parts, deadlineMs, signal });
    }
    if (hook.webhook !== undefined) {
      return runWebhook(hook.webhook, context, { ...this.parts, deadlineMs, signal });
    }
    return failed("it has neither a command nor a webhook", "");
  }
}

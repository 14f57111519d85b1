import type { Action } from "@outrider/contracts/power";

/** What a hook is told. */
export interface HookContext {
  readonly hook: "drain" | "undrain";
  readonly node: string;
  readonly role: string;
  readonly action: Action;
  readonly actor: string;
  readonly transition: string;
  readonly reason?: string | undefined;
}

export type HookOutcome =
  | { readonly ok: true }
  /** A sentence that says what went wrong, with the end of what the hook said. */
  | { readonly ok: false; readonly detail: string };

/** Of what a hook says, this much is kept: the end. In bytes. */
export const KEPT_OUTPUT_BYTES = 4096;

/** The end of what was said, without control characters: it becomes part of sentences that are shown. */
export function tail(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(-KEPT_OUTPUT_BYTES));
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
}

/** Keeps the end of a stream in bounded memory. */
export class Tail {
  #kept = Buffer.alloc(0);

  push(chunk: Uint8Array): void {
    const end = chunk.subarray(-KEPT_OUTPUT_BYTES);
    this.#kept = Buffer.concat([this.#kept, end]).subarray(-KEPT_OUTPUT_BYTES);
  }

  get text(): string {
    return tail(this.#kept);
  }
}

export function failed(what: string, said: string): HookOutcome {
  return { ok: false, detail: said === "" ? what : `${what}: ${said}` };
}

import type { Answer, Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { streamListener } from "../routes/service-stream.js";

export interface Handed {
  /** At the console service's listener, with its query. */
  readonly path: string;
  /** Media type as the client is told it. */
  readonly type: string;
  /** Whose console it is; missing: of several. */
  readonly node?: string;
  /** How long the service may take to begin. */
  readonly beginMs?: number;
  /** Name under which a browser keeps it. */
  readonly file?: string;
}

/**
 * Hands a stream of the console service through to whoever asked, as long as they may read it.
 * @throws HttpProblem as the service says, before anything was sent
 */
export async function handedThrough(
  call: Pick<Call, "actor" | "admitted" | "signal">,
  parts: GatewayParts,
  { path, type, node, file, beginMs }: Handed,
): Promise<Answer> {
  const cut = new AbortController();
  const signal = AbortSignal.any([call.signal, cut.signal]);
  const seat = parts.consoleClients.sit(
    () => cut.abort(new Error("whoever read may not any more")),
    call.admitted,
    { rights: ["console-read"], node },
  );
  try {
    const headers = { "outrider-actor": call.actor };
    const value = await streamListener(parts, "console", { path, headers, signal, beginMs });
    value.once("close", () => seat[Symbol.dispose]());
    return {
      stream: { type, value },
      ...(file === undefined
        ? {}
        : { headers: { "content-disposition": `attachment; filename="${file}"` } }),
    };
  } catch (error) {
    seat[Symbol.dispose]();
    throw error;
  }
}

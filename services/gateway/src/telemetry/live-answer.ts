import type { Answer, Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { streamListener } from "../routes/service-stream.js";

export const LINES_TYPE = "application/jsonl";

/**
 * Hands through what the telemetry service tells as it comes, an object a line, as long as whoever asked may read.
 * @throws HttpProblem as the service says, before anything was sent; 429 when too many look on
 */
export async function liveAnswer(
  page: "latest" | "events",
  asked: object,
  { signal, actor, admitted }: Pick<Call, "signal" | "actor" | "admitted">,
  parts: Pick<GatewayParts, "mirror" | "clients">,
): Promise<Answer> {
  const cut = new AbortController();
  const seat = parts.clients.sit(
    () => cut.abort(new Error("whoever looked on may not any more")),
    admitted,
  );
  try {
    const value = await streamListener(parts, "telemetry", {
      path: `/${page}/live`,
      headers: { "content-type": "application/json", "outrider-actor": actor },
      body: JSON.stringify(asked),
      signal: AbortSignal.any([signal, cut.signal]),
    });
    value.once("close", () => seat[Symbol.dispose]());
    return { stream: { type: `${LINES_TYPE}; charset=utf-8`, value } };
  } catch (error) {
    seat[Symbol.dispose]();
    throw error;
  }
}

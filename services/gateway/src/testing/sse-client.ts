import { within } from "@outrider/testing/eventually";

export interface SseEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface SseClient extends AsyncDisposable {
  readonly response: Response;
  readonly seen: readonly SseEvent[];
  /** The next event, from where the last call stopped, that fits. */
  next(fits: (event: SseEvent) => boolean): Promise<SseEvent>;
}

/** Reads Server-Sent Events as WHATWG HTML §9.2.6 says, as far as ours need. */
export async function openSse(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<SseClient> {
  const stop = new AbortController();
  const response = await fetch(url, { headers, signal: stop.signal });
  if (!response.ok || !response.body)
    throw new Error(`${response.status} ${await response.text()}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const seen: SseEvent[] = [];
  let at = 0;
  let rest = "";
  const read = async (): Promise<void> => {
    const { value, done } = await reader.read();
    if (done) throw new Error("the stream ended");
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) seen.push(eventOf(block));
  };
  return {
    response,
    seen,
    next: async (fits) => {
      const deadline = within();
      for (;;) {
        while (at < seen.length) {
          const event = seen[at++];
          if (event && fits(event)) return event;
        }
        deadline.throwIfAborted();
        await Promise.race([
          read(),
          new Promise((_, reject) =>
            deadline.addEventListener("abort", () => reject(deadline.reason), { once: true }),
          ),
        ]);
      }
    },
    [Symbol.asyncDispose]: () => {
      stop.abort();
      return reader.cancel().catch(() => undefined);
    },
  };
}

function eventOf(block: string): SseEvent {
  const fields = new Map(
    block
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]),
  );
  return {
    event: fields.get("event") ?? "message",
    id: fields.get("id"),
    data: JSON.parse(fields.get("data") ?? "{}") as Record<string, unknown>,
  };
}

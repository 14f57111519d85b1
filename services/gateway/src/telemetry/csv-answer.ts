import { Readable } from "node:stream";
import { HttpProblem } from "../http/problem.js";
import type { Answer, Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { stillStands } from "../people/people.js";

export const CSV_TYPE = "text/csv; charset=utf-8";

/** Whether somebody asks for CSV rather than JSON: by `format`, or because Accept names it and not JSON. */
export function wantsCsv({
  query,
  header,
}: Pick<Call<object, { readonly format?: string | undefined }>, "query" | "header">): boolean {
  if (query.format !== undefined) return query.format === "csv";
  const accept = header("accept") ?? "";
  return /\btext\/csv\b/i.test(accept) && !/\bapplication\/json\b/i.test(accept);
}

/**
 * Answers with lines as they come, no faster than they are taken, as long as whoever asked may read.
 * The first piece is waited for, so that what cannot be done is a problem and no broken file.
 */
export async function csvAnswer(
  { admitted, signal }: Pick<Call, "admitted" | "signal">,
  { people }: Pick<GatewayParts, "people">,
  name: string,
  lines: AsyncGenerator<string>,
): Promise<Answer> {
  const head = await lines.next();
  const first = await lines.next();
  async function* rest(): AsyncGenerator<string> {
    if (!head.done) yield head.value;
    if (first.done) return;
    yield first.value;
    for await (const some of lines) {
      signal.throwIfAborted();
      if (!(await stillStands(admitted, people))) {
        throw new HttpProblem("not-allowed", "whoever read may not any more");
      }
      yield some;
    }
  }
  return {
    stream: { type: CSV_TYPE, value: Readable.from(rest()) },
    headers: { "content-disposition": `attachment; filename="outrider-${name}.csv"` },
  };
}

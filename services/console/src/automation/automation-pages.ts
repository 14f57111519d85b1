import type { ServerResponse } from "node:http";
import { refuse } from "../http/refusal.js";
import type { MorePages } from "../http/pages.js";
import type { Automation } from "./automation.js";
import type { Scripts } from "./scripts.js";

/** `GET /captures/<id>`: exact bytes. `GET /scripts/<id>/transcript`: text. */
export function automationPages(
  { captures }: Pick<Automation, "captures">,
  scripts: Pick<Scripts, "transcript">,
  defect: (error: unknown) => void,
): MorePages {
  return ({ pathname }, _request, response) => {
    const [, capture, script] =
      /^\/(?:captures\/([A-Za-z0-9._:-]{1,64})|scripts\/([A-Za-z0-9._:-]{1,64})\/transcript)$/.exec(
        pathname,
      ) ?? [];
    if (capture !== undefined) {
      answer(response, captures.bytes(capture), "application/octet-stream", defect);
    } else if (script !== undefined) {
      answer(response, scripts.transcript(script), "text/plain; charset=utf-8", defect);
    } else return false;
    return true;
  };
}

function answer(
  response: ServerResponse,
  reading: Promise<Buffer | string | undefined>,
  type: string,
  defect: (error: unknown) => void,
): void {
  reading
    .then((body) => {
      if (body === undefined)
        return refuse(response, "not-found", "it is not kept, or not any more");
      response
        .writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(body) })
        .end(body);
    })
    .catch((error: unknown) => {
      const known = error instanceof Error && ("syscall" in error || error.name === "StorageError");
      if (!known) return defect(error);
      return refuse(response, "unavailable", `it cannot be read now: ${error.message}`);
    });
}

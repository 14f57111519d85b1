import type { ServerResponse } from "node:http";
import { refuse } from "../http/refusal.js";
import type { MorePages } from "../http/pages.js";
import type { Automation } from "./automation.js";

/** `GET /captures/<id>`: exact bytes. */
export function automationPages(
  { captures }: Pick<Automation, "captures">,
  defect: (error: unknown) => void,
): MorePages {
  return ({ pathname }, _request, response) => {
    const [, id] = /^\/captures\/([A-Za-z0-9._:-]{1,64})$/.exec(pathname) ?? [];
    if (id === undefined) return false;
    answer(response, captures.bytes(id), "application/octet-stream", defect);
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

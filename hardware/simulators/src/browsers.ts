import type { IncomingMessage } from "node:http";
import { SlotError } from "./slot-api.js";

/** Web pages on this computer can reach the loopback interface, by name rebinding even across origins. They have no business here. */
export function refuseBrowsers(request: IncomingMessage): void {
  const host = (request.headers.host ?? "").replace(/:\d+$/, "");
  if (request.headers.origin !== undefined || !["", "127.0.0.1", "localhost"].includes(host)) {
    throw new SlotError(
      "forbidden",
      "Only direct clients with Host 127.0.0.1 or localhost and no Origin are served.",
    );
  }
}

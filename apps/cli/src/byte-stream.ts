import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";

/**
 * Begins a GET whose answer may go on without end, and be silent for as long as it likes: `fetch` would give up on one
 * that says nothing for five minutes.
 * @throws Error of the system; the signal's reason
 */
export function byteStream(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const request = url.startsWith("https:") ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, signal, agent: false });
    asked.once("response", (response) => {
      // A host that has gone without a word is found by the kernel.
      response.socket.setKeepAlive(true, 30_000);
      resolve(response);
    });
    asked.on("error", reject);
    asked.end();
  });
}

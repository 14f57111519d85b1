import type { HttpHandler } from "./listener.js";
import type { Health } from "./health.js";
import type { Metrics } from "./metrics.js";

/** What every service's listener answers: `/health` and `/metrics`; the rest is the service's own. */
export function ownPages(
  health: Health,
  metrics: Metrics,
  own: HttpHandler | undefined,
): HttpHandler {
  return (request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0];
    const reads = request.method === "GET" || request.method === "HEAD";
    if (path === "/health" && reads) {
      const report = health.report();
      response
        .writeHead(report.state === "ready" ? 200 : 503, { "content-type": "application/json" })
        .end(`${JSON.stringify(report)}\n`);
    } else if (path === "/metrics" && reads) {
      metrics.text().then(
        (text) => response.writeHead(200, { "content-type": metrics.contentType }).end(text),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    } else if (own) {
      own(request, response);
    } else {
      response.writeHead(404, { "content-type": "text/plain" }).end("there is no such page\n");
    }
  };
}

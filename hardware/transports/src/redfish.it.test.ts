import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { describe, expect, it } from "vitest";
import { shareRedfish } from "./redfish.js";

const forever = new AbortController().signal;
const SESSIONS = "/redfish/v1/SessionService/Sessions";
const credentials = { username: "operator", password: "canary-of-sessions" };

/** What a service with sessions and ETags does (DSP0266, 6.5 and 13.3.4), as far as a client sees. */
async function serviceWithSessions() {
  const log: string[] = [];
  let token = 0;
  let version = 1;
  let lamp = "Off";
  let meddle = 0;
  const say = (response: ServerResponse, status: number, json?: object, headers = {}): void => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(json === undefined ? "" : JSON.stringify(json));
  };
  const answer = (request: IncomingMessage, body: string, response: ServerResponse): void => {
    const { method = "", url = "", headers } = request;
    log.push(`${method} ${url}`);
    if (url === "/redfish/v1/") {
      return say(response, 200, { Links: { Sessions: { "@odata.id": SESSIONS } } });
    }
    if (method === "POST" && url === SESSIONS) {
      const { Password } = JSON.parse(body) as { Password: string };
      if (Password !== credentials.password) return say(response, 401);
      token += 1;
      const location = `${SESSIONS}/${token}`;
      return say(response, 201, {}, { "x-auth-token": `token-${token}`, location });
    }
    if (headers["x-auth-token"] !== `token-${token}`) return say(response, 401);
    if (method === "DELETE") return say(response, 204);
    if (method === "GET") {
      return say(response, 200, { IndicatorLED: lamp }, { etag: `"${version}"` });
    }
    if (meddle > 0) {
      meddle -= 1;
      version += 1;
    }
    if (headers["if-match"] !== `"${version}"`) return say(response, 412);
    lamp = (JSON.parse(body) as { IndicatorLED: string }).IndicatorLED;
    version += 1;
    return say(response, 204);
  };
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => answer(request, body, response));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    lamp: () => lamp,
    /** Somebody else changes the resource before each of so many changes. */
    meddle: (times: number) => void (meddle = times),
    forgetSessions: () => void (token += 100),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

describe("a Redfish service with sessions", () => {
  it("is logged in to once for all endpoints, and out of with the last", async () => {
    await using service = await serviceWithSessions();
    const address = { url: service.url, credentials, clock: new ManualClock() };
    const first = shareRedfish(address);
    const second = shareRedfish(address);
    await Promise.all([first, second].map(({ value }) => value.get("/redfish/v1/x", forever)));
    expect(service.log.filter((line) => line.startsWith("POST"))).toEqual([`POST ${SESSIONS}`]);
    first[Symbol.dispose]();
    await second.value.get("/redfish/v1/x", forever);
    second[Symbol.dispose]();
    await expect.poll(() => service.log.at(-1)).toBe(`DELETE ${SESSIONS}/1`);
  });

  it("is logged in to again when it has forgotten the session", async () => {
    await using service = await serviceWithSessions();
    using share = shareRedfish({ url: service.url, credentials, clock: new ManualClock() });
    await share.value.get("/redfish/v1/x", forever);
    service.forgetSessions();
    await expect(share.value.get("/redfish/v1/x", forever)).resolves.toEqual({
      IndicatorLED: "Off",
    });
  });

  it("is not overwritten with what somebody else has changed meanwhile", async () => {
    await using service = await serviceWithSessions();
    using share = shareRedfish({ url: service.url, credentials, clock: new ManualClock() });
    service.meddle(1);
    await share.value.patch("/redfish/v1/x", { IndicatorLED: "Lit" }, forever);
    expect(service.lamp()).toBe("Lit");
    service.meddle(2);
    const change = share.value.patch("/redfish/v1/x", { IndicatorLED: "Off" }, forever);
    await expect(change).rejects.toMatchObject({ code: "refused" });
    expect(service.lamp()).toBe("Lit");
  });

  it("says who is not let in, and no password", async () => {
    await using service = await serviceWithSessions();
    const wrong = { ...credentials, password: "canary-that-is-wrong" };
    using share = shareRedfish({ url: service.url, credentials: wrong, clock: new ManualClock() });
    const error: unknown = await share.value
      .get("/redfish/v1/x", forever)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "refused" });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("canary");
  });
});

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { systemClock } from "@outrider/contracts/clock";
import type { NotificationChannel } from "@outrider/contracts/telemetry-policy";
import { AddressPolicy } from "@outrider/service-kit/outbound/address-policy";
import type { Posted } from "@outrider/service-kit/outbound/guarded-post";
import { ServiceSecrets } from "@outrider/service-kit/outbound/service-secrets";
import { startProgram, type Child } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { requirePeer } from "@outrider/testing/peers";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Message } from "./message.js";
import { Senders } from "./senders.js";

const LOOPBACK: readonly (readonly [string, number])[] = [["127.0.0.0", 8]];
const MESSAGE: Message = {
  id: "0193-abc",
  site: "lab",
  at: "2026-11-23T12:00:00.000Z",
  kind: "raised",
  severity: "Critical",
  title: "[lab] Critical: n1: temperature of soc is 90 °C",
  text: "Critical soc-temperature - n1: temperature of soc is 90 °C",
  nodes: "n1",
  alarms: [],
  total: 1,
};

let directory: TempDir;
beforeEach(async () => {
  directory = await tempDir();
  await mkdir(join(directory.path, "secrets"));
});
afterEach(() => directory.remove());

function send(
  channel: NotificationChannel,
  allowed = LOOPBACK,
  message = MESSAGE,
): Promise<Posted> {
  const senders = new Senders({
    clock: systemClock,
    policy: new AddressPolicy(allowed, () => []),
    secrets: new ServiceSecrets([join(directory.path, "secrets")], {
      OUTRIDER_SECRET_NTFY: "tk_1",
      OUTRIDER_POWER_SECRET_FILE: join(directory.path, "secrets", "own"),
      PATH: "/bin",
    }),
    lookup: (name) =>
      name === "mail.example.test"
        ? Promise.resolve(["127.0.0.1"])
        : Promise.reject(new Error(name)),
  });
  return senders.send(channel, message, AbortSignal.timeout(20_000));
}

describe("a message by HTTP", () => {
  let server: Server;
  let base: string;
  const asked: { url: string; headers: IncomingHttpHeaders; body: unknown }[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
        asked.push({ url: request.url ?? "", headers: request.headers, body });
        const status = /^\/answer\/(\d+)$/.exec(request.url ?? "")?.[1];
        response.writeHead(Number(status ?? 200)).end("{}");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());
  beforeEach(() => void asked.splice(0));

  it("is JSON for a webhook, with its token", async () => {
    const file = join(directory.path, "secrets", "hook");
    await writeFile(file, "t0ken\n");
    expect(await send({ webhook: { url: `${base}/alarms`, token: { file } } })).toEqual({
      ok: true,
    });
    expect(asked).toMatchObject([
      { url: "/alarms", headers: { authorization: "Bearer t0ken" }, body: MESSAGE },
    ]);
  });

  it("is what ntfy takes, with its topic, priority and tags", async () => {
    const long = { ...MESSAGE, text: "ä".repeat(5000) };
    const token = { env: "OUTRIDER_SECRET_NTFY" };
    expect(await send({ ntfy: { url: `${base}/sub/rack`, token } }, LOOPBACK, long)).toEqual({
      ok: true,
    });
    expect(asked[0]).toMatchObject({
      url: "/sub/",
      headers: { authorization: "Bearer tk_1" },
      body: { topic: "rack", title: MESSAGE.title, priority: 5, tags: ["rotating_light"] },
    });
    const { message } = (asked[0]?.body ?? {}) as { message?: string };
    expect(Buffer.byteLength(message ?? "?".repeat(5000))).toBeLessThanOrEqual(4096);
    await send({ ntfy: { url: `${base}/rack` } }, LOOPBACK, { ...MESSAGE, kind: "resolved" });
    expect(asked[1]).toMatchObject({ body: { priority: 2, tags: ["white_check_mark"] } });
  });

  it("that is not taken says so without secrets", async () => {
    const sent = await send({
      webhook: { url: `${base}/answer/500`, token: { env: "OUTRIDER_SECRET_NTFY" } },
    });
    expect(sent).toMatchObject({ ok: false, detail: expect.stringContaining("answered 500") });
    expect(JSON.stringify(sent)).not.toContain("tk_1");
  });

  it.each([
    [400, true],
    [401, true],
    [413, true],
    [408, undefined],
    [425, undefined],
    [429, undefined],
    [302, undefined],
    [503, undefined],
  ])("that is answered with %i is refused for good: %s", async (status, permanent) => {
    const sent = await send({ webhook: { url: `${base}/answer/${status}` } });
    expect(sent).toMatchObject({ ok: false });
    expect("permanent" in sent ? sent.permanent : undefined).toBe(permanent);
  });

  it("reaches nothing that it should not (P17)", async () => {
    for (const channel of [
      { webhook: { url: `${base}/alarms` } },
      { ntfy: { url: `${base}/rack` } },
      { webhook: { url: "http://169.254.169.254/latest" } },
      { email: { server: "smtp://127.0.0.1:25", from: "a@example.org", to: ["b@example.org"] } },
      {
        email: { server: "smtp://mail.example.test", from: "a@example.org", to: ["b@example.org"] },
      },
    ] satisfies NotificationChannel[]) {
      expect({ channel, ...(await send(channel, [])) }).toEqual({
        channel,
        ok: false,
        detail: expect.stringContaining("OUTRIDER_WEBHOOK_ALLOW of the telemetry service"),
      });
    }
    expect(asked).toEqual([]);
  });

  it("takes no secret from where none belongs, and none of Outrider's own (P18)", async () => {
    await writeFile(join(directory.path, "beside"), "x");
    await writeFile(join(directory.path, "secrets", "own"), "x");
    await writeFile(join(directory.path, "secrets", "lines"), "x\r\nHost: y");
    for (const token of [
      { file: join(directory.path, "beside") },
      { file: join(directory.path, "secrets", "..", "beside") },
      { file: join(directory.path, "secrets", "own") },
      { file: join(directory.path, "secrets", "lines") },
      { file: join(directory.path, "secrets", "none") },
      { env: "PATH" },
      { env: "OUTRIDER_SECRET_NONE" },
    ]) {
      expect(await send({ webhook: { url: `${base}/alarms`, token } })).toMatchObject({
        ok: false,
      });
    }
    expect(asked).toEqual([]);
  });
});

/** A mail server that nobody of the project wrote, with its mails as files. */
const SERVER = `
import ssl, sys, threading
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import AuthResult, LoginPassword
mode, port, folder, cert, key = sys.argv[1:6]
def known(server, session, envelope, mechanism, data):
    print("AUTH", mechanism, flush=True)
    good = LoginPassword(b"outrider", b"s3cret")
    return AuthResult(success=isinstance(data, LoginPassword) and data == good, handled=False)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(cert, key)
more = {} if mode == "bare" else {"ssl_context": tls} if mode == "smtps" else {"tls_context": tls}
if mode != "bare":
    more.update(authenticator=known, auth_required=True, auth_require_tls=mode == "starttls")
Controller(Mailbox(folder), hostname="127.0.0.1", port=int(port), ready_timeout=20, **more).start()
print('{"ready":true}', flush=True)
threading.Event().wait()
`;

describe.skipIf(!requirePeer("aiosmtpd", "apt-get install python3-aiosmtpd"))(
  "a message by mail",
  () => {
    let server: Child;
    let port: number;
    let folder: string;
    const before = getCACertificates("default");

    async function serve(mode: "bare" | "starttls" | "smtps", isTrusted = true): Promise<void> {
      folder = join(directory.path, "mails");
      const [cert, key] = [join(directory.path, "cert.pem"), join(directory.path, "key.pem")];
      execFileSync(
        "openssl",
        ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"].concat(
          ["-keyout", key, "-out", cert, "-subj", "/CN=mail.example.test"],
          ["-addext", "subjectAltName=DNS:mail.example.test"],
        ),
        { stdio: "ignore" },
      );
      if (isTrusted) setDefaultCACertificates([...before, await readFile(cert, "utf8")]);
      port = await freePort();
      server = await startProgram("/usr/bin/python3", {
        args: ["-c", SERVER, mode, String(port), folder, cert, key],
      });
    }
    async function mails(): Promise<string[]> {
      const files = await readdir(join(folder, "new"));
      return Promise.all(files.map((name) => readFile(join(folder, "new", name), "utf8")));
    }
    async function mail(scheme: "smtp" | "smtps", password?: string): Promise<Posted> {
      const file = join(directory.path, "secrets", "smtp");
      if (password !== undefined) await writeFile(file, `${password}\n`);
      return send({
        email: {
          server: `${scheme}://mail.example.test:${port}`,
          from: "outrider@example.org",
          to: ["ops@example.org", "ada@example.org"],
          ...(password === undefined ? {} : { username: "outrider", password: { file } }),
        },
      });
    }

    afterEach(async () => {
      await server?.kill("SIGTERM");
      setDefaultCACertificates(before);
    });

    it("arrives with its subject, text and recipients", async () => {
      await serve("bare");
      expect(await mail("smtp")).toEqual({ ok: true });
      const [text = ""] = await mails();
      expect(text).toContain("To: ops@example.org, ada@example.org");
      expect(text).toContain("Auto-Submitted: auto-generated");
      expect(text).toContain("X-RcptTo: ops@example.org, ada@example.org");
      expect(text).toMatch(/^Subject: =\?UTF-8\?Q\?=5Blab=5D_Critical/m);
      // Of when it was said, not of when it is sent.
      expect(text).toMatch(/^Date: Mon, 23 Nov 2026 12:00:00 \+0000/m);
      expect(text).toMatch(/^Message-ID: <0193-abc@example\.org>/im);
      expect(text).toContain("Critical soc-temperature - n1: temperature of soc is 90 =C2=B0C");
    });

    it.each(["starttls", "smtps"] as const)(
      "is encrypted before a password is told, by %s",
      async (mode) => {
        await serve(mode);
        expect(await mail(mode === "smtps" ? "smtps" : "smtp", "s3cret")).toEqual({ ok: true });
        expect(await mails()).toHaveLength(1);
        const refused = await mail(mode === "smtps" ? "smtps" : "smtp", "wr0ng");
        expect(refused).toMatchObject({
          ok: false,
          detail: expect.stringContaining("did not take the mail"),
        });
        // 535, Authentication credentials invalid (RFC 4954, 6)
        expect(refused).toMatchObject({ permanent: true });
        expect(JSON.stringify(refused)).not.toContain("wr0ng");
      },
    );

    it("tells its password to nobody in the clear, and to nobody who is not known", async () => {
      await serve("bare");
      expect(await mail("smtp", "s3cret")).toMatchObject({ ok: false });
      await server.kill("SIGTERM");
      await serve("starttls", false);
      const sent = await mail("smtp", "s3cret");
      expect(sent).toMatchObject({ ok: false, detail: expect.stringMatching(/certificate/i) });
      await eventually(
        "nobody was asked for a password",
        () => !server.lines.some((line) => line.startsWith("AUTH")),
      );
    });

    it("says why it was not taken where nobody listens", async () => {
      await serve("bare");
      await server.kill("SIGTERM");
      expect(await mail("smtp")).toEqual({
        ok: false,
        detail: expect.stringContaining("mail.example.test"),
      });
    });
  },
);

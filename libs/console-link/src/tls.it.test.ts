import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:net";
import { eventually } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeAgent, startService } from "./testing/link-pair.js";
import { MemoryLine } from "./testing/memory-line.js";

let directory: TempDir;
let cert: string;
let key: string;
let service: Awaited<ReturnType<typeof startService>>;

beforeAll(async () => {
  directory = await tempDir();
  const paths = { key: join(directory.path, "key.pem"), cert: join(directory.path, "cert.pem") };
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const files = ["-keyout", paths.key, "-out", paths.cert];
  execFileSync("openssl", ["req", "-x509", "-days", "1", ...options, ...subject, ...files], {
    stdio: "ignore",
  });
  cert = await readFile(paths.cert, "utf8");
  key = await readFile(paths.key, "utf8");
  service = await startService(undefined, { tls: { cert, key } });
});
afterAll(async () => {
  await service.server.close();
  await directory.remove();
});

test("a link over TLS carries bytes both ways", async () => {
  const agent = makeAgent(service.port, { host: "localhost", tls: { ca: cert } });
  const line = new MemoryLine();
  agent.add(line);
  agent.start();
  const bytes = Buffer.from(Array.from({ length: 500_000 }, (_, at) => at % 256));
  line.source.append(bytes);
  await eventually("all of it", () => service.recorder.bytes("n1").length === bytes.length);
  expect(service.recorder.bytes("n1").equals(bytes)).toBe(true);
  await service.recorder.consoles.get("n1")?.write(Buffer.from("ls\r"));
  expect(line.taken).toEqual(["ls\r"]);
  await agent.stop();
});

test.each([
  ["of an authority that the agent does not know", { host: "localhost", tls: { ca: undefined } }],
  ["of another name", { host: "127.0.0.1", tls: undefined as { ca: string } | undefined }],
])("a service with a certificate %s is not told the secret", async (_, options) => {
  const agent = makeAgent(service.port, {
    host: options.host,
    tls: options.tls ?? { ca: cert },
  });
  agent.start();
  await eventually("it says why", () => /certificate|altnames/.test(agent.state.detail ?? ""));
  expect(service.server.agents).toEqual([]);
  await agent.stop();
});

test("whoever does not speak TLS is let go, and keeps no agent out", async () => {
  const crowd = Array.from({ length: 100 }, () => {
    const socket = connect({ host: "127.0.0.1", port: service.port });
    socket.on("error", () => undefined);
    socket.write("hello?");
    return socket;
  });
  const agent = makeAgent(service.port, { host: "localhost", tls: { ca: cert } });
  agent.start();
  await eventually("it is linked", () => service.server.agents.length === 1);
  await eventually("the others are let go", () => crowd.every((socket) => socket.closed));
  await agent.stop();
});

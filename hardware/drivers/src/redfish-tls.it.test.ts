import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDriver } from "@outrider/ports/driver";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driver } from "./power/redfish.js";
import { driverContext } from "./testing/context.js";
import { freePort, type ForeignProcess } from "./testing/foreign-process.js";
import { failure, forever } from "./testing/power-rig.js";
import { startSushy, sushy, SUSHY_USER } from "./testing/sushy.js";

const bin = await sushy();
const PASSWORD = { file: "/etc/outrider/secrets/bmc" };
const context = driverContext({ secrets: { [PASSWORD.file]: SUSHY_USER.password } });

describe.skipIf(bin === undefined)("a BMC with TLS", () => {
  let dir: string;
  let emulator: ForeignProcess;
  let options: { url: string };
  const file = (name: string): string => join(dir, name);
  const certify = (name: string): void => {
    const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"];
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    const out = ["-keyout", file(`${name}.key`), "-out", file(`${name}.pem`), "-days", "2"];
    execFileSync("openssl", ["req", "-x509", ...key, ...out, ...subject], { stdio: "ignore" });
  };

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "or-"));
    certify("bmc");
    certify("other");
    const port = await freePort();
    const tls = { key: file("bmc.key"), certificate: file("bmc.pem") };
    emulator = await startSushy(bin ?? "", { dir, port }, { tls });
    const { username } = SUSHY_USER;
    const user = { username, password: PASSWORD, system: "1" };
    options = { url: `https://127.0.0.1:${port}`, ...user };
  });
  afterAll(async () => {
    await emulator.stop();
    rmSync(dir, { recursive: true });
  });
  const printOf = (name: string): string =>
    new X509Certificate(readFileSync(file(`${name}.pem`))).fingerprint256;

  it.each([
    ["its fingerprint", () => ({ fingerprint: printOf("bmc") })],
    ["its authority", () => ({ caFile: file("bmc.pem") })],
  ])("is known by %s", async (_, trust) => {
    await using port = await openDriver(driver, { ...options, ...trust() }, context);
    expect(await port.read(forever)).toMatchObject({ supply: "Off" });
  });

  it.each([
    ["another fingerprint", () => ({ fingerprint: printOf("other") })],
    ["another authority", () => ({ caFile: file("other.pem") })],
    ["nothing but the system's authorities", () => ({})],
  ])("is sent nothing when it is to be known by %s", async (_, trust) => {
    await using port = await openDriver(driver, { ...options, ...trust() }, context);
    const before = readFileSync(file("sushy.log"), "utf8").length;
    const error = await failure(port.read(forever));
    expect(error).toMatchObject({ name: "PortError", code: "protocol" });
    expect(error.message).toContain("certificate");
    expect(readFileSync(file("sushy.log"), "utf8").slice(before)).not.toContain("GET /redfish");
  });

  it("is asked without encryption only where the endpoint says so in so many words", async () => {
    const plain = { ...options, url: "http://127.0.0.1:1" };
    await expect(openDriver(driver, plain, context)).rejects.toThrow("unencrypted: true");
    await using _port = await openDriver(driver, { ...plain, unencrypted: true }, context);
  });
});

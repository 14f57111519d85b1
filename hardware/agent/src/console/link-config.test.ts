import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir } from "@outrider/testing/temp-dir";
import { describe, expect, test } from "vitest";
import { readConsoleLinkConfig } from "./link-config.js";

const LOCAL = "mqtt://127.0.0.1:1883";
const read = (environment: Record<string, string | undefined>, mqttUrl = LOCAL) =>
  readConsoleLinkConfig(environment, mqttUrl);

describe("where the console service is", () => {
  test("on the broker's host, unless it is said", () => {
    expect(read({})).toEqual({ target: { host: "127.0.0.1", port: 7420 }, spoolBytes: 67_108_864 });
    expect(read({ OUTRIDER_CONSOLE_LINK_PORT: "7000" }, "mqtt://[::1]").target).toEqual({
      host: "::1",
      port: 7000,
    });
  });

  test("as the URL says, with its port or the usual one", () => {
    expect(read({ OUTRIDER_CONSOLE_LINK_URL: "tls://manager:7421" }).target).toEqual({
      host: "manager",
      port: 7421,
      tls: { ca: undefined },
    });
    expect(read({ OUTRIDER_CONSOLE_LINK_URL: "tls://manager/" }).target?.port).toBe(7420);
  });

  test("with the authority that is named, by TLS", async () => {
    await using directory = await tempDir();
    const file = join(directory.path, "ca.pem");
    await writeFile(file, "PEM");
    expect(read({ OUTRIDER_CONSOLE_LINK_CA_FILE: file }, "mqtts://manager").target).toEqual({
      host: "manager",
      port: 7420,
      tls: { ca: "PEM" },
    });
    const contrary = {
      OUTRIDER_CONSOLE_LINK_CA_FILE: file,
      OUTRIDER_CONSOLE_LINK_URL: "tcp://manager",
    };
    expect(read(contrary)).toMatchObject({
      target: undefined,
      problem: expect.stringContaining("expected tls://") as string,
    });
  });

  test("nothing crosses a network in plain text unless that is said in so many words", () => {
    const silent = read({}, "mqtt://manager");
    expect([silent.target, silent.problem]).toEqual([
      undefined,
      expect.stringContaining("OUTRIDER_CONSOLE_LINK_PLAINTEXT=yes"),
    ]);
    expect(read({ OUTRIDER_CONSOLE_LINK_URL: "tcp://10.0.0.1:7420" }).target).toBeUndefined();
    expect(read({ OUTRIDER_CONSOLE_LINK_PLAINTEXT: "yes" }, "mqtt://manager").target).toEqual({
      host: "manager",
      port: 7420,
    });
  });

  test("a certificate that is missing keeps consoles from their service, and no agent from starting", () => {
    const { target, problem } = read(
      { OUTRIDER_CONSOLE_LINK_CA_FILE: "/nowhere/ca.pem" },
      "mqtts://manager",
    );
    expect([target, problem]).toEqual([undefined, expect.stringContaining("/nowhere/ca.pem")]);
  });

  test.each([
    { OUTRIDER_CONSOLE_LINK_URL: "http://manager" },
    { OUTRIDER_CONSOLE_LINK_URL: "tcp://user:password@manager" },
    { OUTRIDER_CONSOLE_SPOOL_BYTES: "1000" },
    { OUTRIDER_CONSOLE_SPOOL_BYTES: "1000000" },
    { OUTRIDER_CONSOLE_LINK_PLAINTEXT: "true" },
  ])("%o is refused with what was expected", (environment) => {
    expect(() => read(environment)).toThrow(/expected/);
  });
});

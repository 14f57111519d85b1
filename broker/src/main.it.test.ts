import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSecret } from "@outrider/identity/credentials";
import { openIdentity } from "@outrider/identity/open-identity";
import { connect, ConnectRefused, eventually, run, temporaryFolder } from "./testing/support.js";

const MAIN = new URL("./main.js", import.meta.url).pathname;

function lines(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function started(folder: string, environment: NodeJS.ProcessEnv = {}) {
  const program = run(process.execPath, [MAIN], {
    OUTRIDER_DATA: folder,
    OUTRIDER_MQTT_PORT: "0",
    ...environment,
  });
  const ready = (): Record<string, unknown> | undefined =>
    lines(program.err()).find((one) => one["msg"] === "the broker listens");
  await eventually("the broker to listen", () => ready() !== undefined);
  return { program, port: Number(ready()?.["port"]) };
}

describe("the broker as a program", () => {
  it("makes credentials at its first start, keeps them, and ends on SIGTERM", async () => {
    await using folder = await temporaryFolder();
    const first = await started(folder.path);
    await using _first = first.program;
    const secrets = await readdir(join(folder.path, "secrets"));
    expect(secrets.toSorted()).toEqual([
      "person-operator",
      "service-console",
      "service-gateway",
      "service-home-assistant",
      "service-inventory",
      "service-power",
      "service-telemetry",
    ]);
    for (const file of ["identity.sqlite", ...secrets.map((name) => join("secrets", name))]) {
      expect((await stat(join(folder.path, file))).mode & 0o777).toBe(0o600);
    }
    const password = await readSecret(folder.path, { kind: "service", name: "power" });
    const power = await connect(first.port, "service:power", { password });
    first.program.child.kill("SIGTERM");
    expect(await first.program.exited).toBe(0);
    expect(power.ended.code).toBe(0x8b);
    const second = await started(folder.path);
    await using _second = second.program;
    const again = await connect(second.port, "service:power", { password });
    const anonymous = await connect(second.port, undefined);
    again.mqtt.end(true);
    anonymous.mqtt.end(true);
    expect(second.program.err()).not.toContain(password);
  });

  it("knows no anonymous operators with a site of one's own", async () => {
    await using folder = await temporaryFolder();
    const { program, port } = await started(folder.path, { OUTRIDER_SITE: "site.yaml" });
    await using _program = program;
    await expect(connect(port, undefined)).rejects.toBeInstanceOf(ConnectRefused);
  });

  it.each([
    [{ OUTRIDER_MQTT_PORT: "70000" }, 'OUTRIDER_MQTT_PORT="70000"; expected a TCP port'],
    [{ OUTRIDER_BIND: "everywhere" }, 'OUTRIDER_BIND="everywhere"; expected an IP address'],
    [{ OUTRIDER_BIND: "0.0.0.0" }, "OUTRIDER_MQTT_PLAINTEXT=yes"],
    [{ OUTRIDER_MQTT_PROT: "1884" }, 'OUTRIDER_MQTT_PROT="1884"; expected one of'],
    [{ OUTRIDER_MQTTS_PORT: "8883" }, "this broker has no TLS listener"],
    [{ OUTRIDER_LOG_LEVEL: "loud" }, 'OUTRIDER_LOG_LEVEL="loud"; expected debug, info'],
  ])("refuses %j and says what was expected", async (environment, message) => {
    await using folder = await temporaryFolder();
    await using program = run(process.execPath, [MAIN], {
      OUTRIDER_DATA: folder.path,
      ...environment,
    });
    expect(await program.exited).toBe(2);
    const [line] = lines(program.err());
    expect(line?.["problems"]).toEqual([expect.stringContaining(message)]);
    expect(await readdir(folder.path)).toEqual([]);
  });

  it("refuses credentials that are damaged, and says where", async () => {
    await using folder = await temporaryFolder();
    const text = JSON.stringify({ version: 1, credentials: [{ name: "x", kind: "robot" }] });
    await writeFile(join(folder.path, "credentials.json"), text, { mode: 0o600 });
    await using program = run(process.execPath, [MAIN], { OUTRIDER_DATA: folder.path });
    expect(await program.exited).toBe(2);
    const [line] = lines(program.err());
    expect(line?.["problem"]).toMatch(
      /credentials\.json at credentials\[0\]\.kind: expected one of/,
    );
  });

  it("says when its port is taken", async () => {
    await using folder = await temporaryFolder();
    const { program, port } = await started(folder.path);
    await using _program = program;
    await using second = run(process.execPath, [MAIN], {
      OUTRIDER_DATA: folder.path,
      OUTRIDER_MQTT_PORT: String(port),
    });
    expect(await second.exited).toBe(2);
    expect(lines(second.err()).at(-1)).toMatchObject({ code: "EADDRINUSE" });
  });
});

describe("outrider-credentials", () => {
  const PROGRAM = new URL("./credentials-main.js", import.meta.url).pathname;

  it.each([
    [[], "usage:"],
    [["add", "robot", "x"], "usage:"],
    [["add", "agent", "x", "boss"], "usage:"],
    [["add", "agent", "Rack A"], "agent name: expected lower-case"],
    [["add", "agent", "rack-a", "viewer"], "role: expected only for a person"],
    [["add", "person", "anonymous"], "person name: expected"],
  ])("refuses %j", async (words, message) => {
    await using folder = await temporaryFolder();
    await using program = run(process.execPath, [PROGRAM, ...words], {
      OUTRIDER_DATA: folder.path,
    });
    expect(await program.exited).toBe(2);
    expect(program.err()).toContain(message);
  });

  it("gives a person who is locked out a new one-time password", async () => {
    await using folder = await temporaryFolder();
    const call = async (...words: string[]) => {
      await using program = run(process.execPath, [PROGRAM, ...words], {
        OUTRIDER_DATA: folder.path,
      });
      return { code: await program.exited, out: program.out(), err: program.err() };
    };
    await call("add", "person", "ada", "administrator");
    const { out } = await call("reset", "ada");
    const [, password = ""] = /^one-time password of ada: (\S+)\n$/.exec(out) ?? [];
    await using identity = await openIdentity({ dataDirectory: folder.path });
    const { person } = await identity.store.signIns.check("ada", password, "192.0.2.1");
    expect(person.mustChangePassword).toBe(true);
    expect(await call("reset", "bob")).toMatchObject({ code: 2, err: "there is no such person\n" });
  });

  it("adds what several processes add at once", async () => {
    await using folder = await temporaryFolder();
    const names = Array.from({ length: 8 }, (_, index) => `rack-${index}`);
    const codes = await Promise.all(
      names.map(async (name) => {
        await using program = run(process.execPath, [PROGRAM, "add", "agent", name], {
          OUTRIDER_DATA: folder.path,
        });
        return await program.exited;
      }),
    );
    expect(codes).toEqual(names.map(() => 0));
    const { program, port } = await started(folder.path);
    await using _program = program;
    for (const name of names) {
      const password = await readSecret(folder.path, { kind: "agent", name });
      const { mqtt } = await connect(port, `agent:${name}`, { password });
      mqtt.end(true);
    }
  });
});

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ENDPOINT_ACTIONS } from "@outrider/contracts/agent";
import { check } from "@outrider/contracts/codec";
import { isNodeId } from "@outrider/contracts/ids";
import { jsonSchemaOf } from "@outrider/contracts/schema";
import { afterEach, describe, expect, it } from "vitest";
import { listDrivers, loadDriver } from "./registry.js";

const made: string[] = [];
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true });
});

/** A folder of drivers: path to source text. */
function folder(files: Readonly<Record<string, string>>): URL {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  made.push(dir);
  writeFileSync(join(dir, "package.json"), '{"type": "module"}');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(dir, path, ".."), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return pathToFileURL(`${dir}/`);
}

/** Why an option that names what a driver takes may be left out without being something then. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/\/simulated (url|socket)$/, "one of the two is there"],
  [/^console\/tcp (host|port|path)$/, "host and port, or path"],
  [
    /\/gpio (chip|line|name)$/,
    "chip and line, or a name; which line a name is, the kernel alone knows",
  ],
  [/\/redfish system$/, "the only system that there is; the BMC alone knows its name"],
  [/^power\/libvirt socket$/, "libvirt itself knows where it is"],
  [/^power\/zigbee2mqtt output$/, "a plug with one output has no name for it"],
];

function reasonFor(option: string): string | undefined {
  return REASONS.find(([pattern]) => pattern.test(option))?.[1];
}

const declares = (port: string, driver: string): string =>
  `export const driver = { port: "${port}", driver: "${driver}" };`;

describe("the registry", () => {
  it("has the drivers of its folders", async () => {
    expect(await listDrivers()).toEqual(
      expect.arrayContaining([
        { port: "console", driver: "tcp" },
        { port: "power", driver: "qemu" },
      ]),
    );
  });

  it("has no driver that the suite of its port does not run over", async () => {
    for (const { port, driver } of await listDrivers()) {
      const suite = `describe${port.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())}Port(`;
      const tests = ["test", "it.test"]
        .map((kind) => new URL(`${port}/${driver}.${kind}.js`, import.meta.url))
        .filter((file) => existsSync(file))
        .map((file) => readFileSync(file, "utf8"));
      expect(tests.join("\n"), `tests of ${port}/${driver}`).toContain(suite);
    }
  });

  it("loads each driver, fit to be published in a catalogue", async () => {
    for (const key of await listDrivers()) {
      const driver = await loadDriver(key.port, key.driver);
      expect(driver).toMatchObject(key);
      // As the contract DescribedDriver has it.
      expect(isNodeId(driver.driver)).toBe(true);
      expect(driver.summary).toMatch(/^[^\n]{10,300}\.$/);
      expect(ENDPOINT_ACTIONS).toEqual(expect.arrayContaining([...driver.actions]));
      expect(new Set(driver.actions).size).toBe(driver.actions.length);
      expect(jsonSchemaOf(driver.options)).toMatchObject({
        type: "object",
        additionalProperties: false,
      });
      const { options, example, needs = {}, exclusive = [], proof = "none" } = driver;
      const name = `${key.port}/${key.driver}`;
      expect(check(options, example.options, true), `example of ${name}`).toMatchObject({
        ok: true,
      });
      expect(Object.keys(needs), name).toEqual(
        expect.arrayContaining(Object.keys(example.needs ?? {})),
      );
      for (const [need, { port, optional }] of Object.entries(needs)) {
        const part = example.needs?.[need];
        if (part === undefined) expect(optional, `${name} needs.${need}`).toBe(true);
        else {
          const inner = await loadDriver(port, part.driver);
          expect(check(inner.options, part.options, true), name).toMatchObject({ ok: true });
        }
      }
      const { properties = {} } = jsonSchemaOf(options) as { properties?: object };
      expect(Object.keys(properties), name).toEqual(expect.arrayContaining([...exclusive]));
      const named = driver.resource?.options ?? [];
      expect(Object.keys(properties), name).toEqual(expect.arrayContaining([...named]));
      expect(proof.length).toBeLessThanOrEqual(300);
    }
  });

  it("has a default, or a reason for none, for each option that names what a driver takes and may be left out", async () => {
    const without: Record<string, string> = {};
    for (const { port, driver: name } of await listDrivers()) {
      const {
        options,
        exclusive = [],
        exclusiveDefaults = {},
        network,
      } = await loadDriver(port, name);
      const { required = [], properties = {} } = jsonSchemaOf(options) as {
        required?: string[];
        properties?: Record<string, { type?: string }>;
      };
      const optional = exclusive.filter((one) => !required.includes(one));
      expect(optional, `${port}/${name}`).toEqual(
        expect.arrayContaining(Object.keys(exclusiveDefaults)),
      );
      for (const [one, value] of Object.entries(exclusiveDefaults)) {
        expect(properties[one]?.type, `${port}/${name} ${one}`).toBe(
          typeof value === "number" ? "integer" : "string",
        );
      }
      for (const one of optional) {
        if (!Object.hasOwn(exclusiveDefaults, one)) without[`${port}/${name} ${one}`] = "none";
      }
      const address = exclusive.find((one) => ["host", "url", "uri", "broker"].includes(one));
      // A simulated rack serves on the agent's own host, or is one of a test.
      if (name !== "simulated") expect(network, `${port}/${name}`).toBe(address);
    }
    expect(Object.keys(without).filter((one) => !reasonFor(one))).toEqual([]);
  });

  it.each(["no-such", "", "../registry", "toString", "simulated.it.test", "QEMU"])(
    "knows no driver %j, and names those there are",
    async (name) => {
      const loading = loadDriver("power", name);
      await expect(loading).rejects.toMatchObject({ name: "PortError", code: "unsupported" });
      await expect(loading).rejects.toThrow(/There are: .*qemu, .*simulated/);
    },
  );

  it("lists drivers without running them, and leaves out what is none", async () => {
    const root = folder({
      "power/b-side.js": "throw new Error('imported');",
      "power/a.js": declares("power", "a"),
      "power/a.d.ts": "",
      "power/a.js.map": "",
      "power/a.it.test.js": "throw new Error('imported');",
      "testing/rig.js": "throw new Error('imported');",
      "registry.js": "throw new Error('imported');",
    });
    expect(await listDrivers(root)).toEqual([
      { port: "power", driver: "a" },
      { port: "power", driver: "b-side" },
    ]);
    await expect(loadDriver("power", "a", root)).resolves.toMatchObject({ driver: "a" });
  });

  it.each([
    ["another name", declares("power", "b")],
    ["another port", declares("console", "a")],
    ["nothing", ""],
  ])("refuses a file that declares %s", async (_, text) => {
    const loading = loadDriver("power", "a", folder({ "power/a.js": text }));
    await expect(loading).rejects.toThrow(TypeError);
    await expect(loading).rejects.toThrow("drivers/power/a");
  });

  it("refuses a folder that is no port", async () => {
    const root = folder({ "powr/a.js": declares("powr", "a") });
    await expect(listDrivers(root)).rejects.toThrow("drivers/powr: not a port");
  });
});

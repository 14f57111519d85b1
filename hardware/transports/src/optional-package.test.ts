import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PortError } from "@outrider/ports/port-error";
import { expect, it } from "vitest";
import { installCommand, optionalPackage } from "./optional-package.js";

const failing = (code: string) => () =>
  Promise.reject(Object.assign(new Error("as Node says it"), { code }));

it.each([
  ["ERR_MODULE_NOT_FOUND", "is not installed"],
  ["ERR_DLOPEN_FAILED", "does not load, perhaps because it was built for another Node"],
])("a package that fails with %s is unsupported, with what to type", async (code, why) => {
  const asked = optionalPackage("onoff", "The GPIO line 3", "use another", failing(code));
  const error = (await asked.catch((reason: unknown) => reason)) as PortError;
  expect(error).toBeInstanceOf(PortError);
  expect(error.code).toBe("unsupported");
  expect(error.message).toContain(`The GPIO line 3 needs the package onoff, which ${why}`);
  expect(error.message).toContain(installCommand("onoff"));
});

it("a package that is there is what it exports", async () => {
  const load = async () => ({ default: { there: true } });
  expect(await optionalPackage("i2c-bus", "x", "y", load)).toEqual({ there: true });
});

it("the command builds for the Node that runs, where its headers are beside it", () => {
  const home = mkdtempSync(join(tmpdir(), "or-"));
  try {
    const node = join(home, "bin/node");
    expect(installCommand("i2c-bus", node)).toBe(
      "npm install --no-save --ignore-scripts=false i2c-bus@5.2.3",
    );
    mkdirSync(join(home, "include/node"), { recursive: true });
    writeFileSync(join(home, "include/node/node_version.h"), "");
    expect(installCommand("i2c-bus", node)).toContain(` --nodedir=${home} `);
  } finally {
    rmSync(home, { recursive: true });
  }
});

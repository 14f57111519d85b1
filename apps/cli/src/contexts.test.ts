import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EnvironmentError } from "@outrider/contracts/environment";
import { afterEach, beforeEach, expect, it } from "vitest";
import { configPath, DEFAULT_URL, readContexts, targetOf, writeContexts } from "./contexts.js";

let home: string;
let environment: Record<string, string>;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "outrider-cli-"));
  environment = { XDG_CONFIG_HOME: home };
});
afterEach(() => rmSync(home, { recursive: true }));

const LAB = { url: "http://lab:8080/", user: "anna", token: "secret" };

it("asks the demo on this machine, as nobody, when nothing is said", () => {
  expect(targetOf(environment, undefined)).toEqual({ name: "default", url: DEFAULT_URL });
});

it("asks the chosen context with its token, and another one when it is named", () => {
  writeContexts(environment, {
    current: "lab",
    contexts: { lab: LAB, home: { url: "http://home:1" } },
  });
  expect(targetOf(environment, undefined)).toEqual({
    name: "context lab",
    url: "http://lab:8080",
    token: "secret",
  });
  expect(targetOf(environment, "home")).toEqual({ name: "context home", url: "http://home:1" });
  expect(() => targetOf(environment, "moon")).toThrow(/no context moon; known are: lab, home/);
});

it("lets the environment win, and sends no token of a context to another gateway", () => {
  writeContexts(environment, { current: "lab", contexts: { lab: LAB } });
  expect(targetOf({ ...environment, OUTRIDER_URL: "http://other:1" }, undefined)).toEqual({
    name: "OUTRIDER_URL",
    url: "http://other:1",
  });
  expect(targetOf({ ...environment, OUTRIDER_URL: "http://lab:80" }, undefined)).not.toHaveProperty(
    "token",
  );
  const file = join(home, "token");
  writeFileSync(file, "from-file\n");
  expect(targetOf({ ...environment, OUTRIDER_TOKEN_FILE: file }, undefined)).toMatchObject({
    url: "http://lab:8080",
    token: "from-file",
  });
});

it("uses the token of the context whose URL the environment names, however it is written", () => {
  const other = { url: "http://home:1", token: "other" };
  const second = { ...LAB, token: "second" };
  writeContexts(environment, { current: "home", contexts: { home: other, lab: LAB, two: second } });
  for (const url of ["http://lab:8080", "http://LAB:8080/"]) {
    expect(targetOf({ ...environment, OUTRIDER_URL: url }, undefined)).toMatchObject({
      name: "OUTRIDER_URL",
      token: "secret",
    });
  }
  const named = { ...environment, OUTRIDER_URL: "http://lab:8080" };
  expect(targetOf(named, "two")).toMatchObject({ token: "second" });
  expect(targetOf({ ...named, OUTRIDER_TOKEN: "given" }, undefined)).toMatchObject({
    token: "given",
  });
});

it("keeps the file to its owner, also when it was open to all before", () => {
  const path = writeContexts(environment, { contexts: { lab: LAB } });
  expect(path).toBe(configPath(environment));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readContexts(environment).contexts).toEqual({ lab: LAB });
});

it.each([
  ["contexts: { a: { url: 5 } }", /contexts\.a\.url: expected text/],
  ["contexts: { a: { url: 'ftp://x' } }", /contexts\.a\.url: expected a URL/],
  ["contexts: { a: { url: 'http://x', colour: red } }", /contexts\.a\.colour/],
  ["gateways: {}", /gateways is not known/],
  ["contexts: [", /config\.yaml/],
])("says what is wrong with %j", (text, message) => {
  writeContexts(environment, { contexts: {} });
  writeFileSync(configPath(environment), text);
  expect(() => readContexts(environment)).toThrow(EnvironmentError);
  expect(() => readContexts(environment)).toThrow(message);
});

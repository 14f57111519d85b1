import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const BIN = fileURLToPath(new URL("../bin/outrider.mjs", import.meta.url));

/** The Node of the machine, where it is older than ours: what runs a command that is started by its path. */
const OLD = ["/usr/bin/node", "/usr/local/bin/node"].find((path) => {
  const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  return typeof stdout === "string" && /^v(20|22)\./.test(stdout);
});

it.skipIf(OLD === undefined)("goes on in the Node that npm brought, with its exit code", () => {
  const run = (...args: string[]) => spawnSync(OLD ?? "", [BIN, ...args], { encoding: "utf8" });
  expect(run("--help")).toMatchObject({
    status: 0,
    stdout: expect.stringContaining("get") as string,
    stderr: "",
  });
  expect(run("power", "explode", "n1").status).toBe(2);
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Optional, Text } from "@outrider/contracts/decorators";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDeclared } from "./open.js";
import { driverContext } from "./testing/context.js";

/** What was opened and closed, in order; the drivers are files and write it to the process. */
const done: string[] = [];
class SomeOptions {
  @Optional() @Text(10) word?: string;
}
Object.assign(globalThis, { opened: done, SomeOptions });

const SOURCE = (port: string, driver: string, needs: string) => `
export const driver = {
  port: "${port}", driver: "${driver}", summary: "For tests.", actions: [], options: globalThis.SomeOptions,
  example: { options: {} }, needs: ${needs},
  open: async (options, context, given) => {
    globalThis.opened.push("open ${driver} with " + Object.keys(given).join(" "));
    return { [Symbol.asyncDispose]: async () => void globalThis.opened.push("close ${driver}") };
  },
};`;

const OUTPUT = `{ output: { port: "digital-output", untouched: true, summary: "pulls the line" }, sense: { port: "digital-input", optional: true, summary: "sees the rail" } }`;
const FILES = {
  "power/output.js": SOURCE("power", "output", OUTPUT),
  "digital-output/line.js": SOURCE("digital-output", "line", "undefined"),
  "digital-output/deep.js": SOURCE("digital-output", "deep", OUTPUT),
  "digital-input/line.js": SOURCE("digital-input", "line", "undefined"),
};

describe("openDeclared", () => {
  let dir: string;
  let root: URL;

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "or-"));
    writeFileSync(join(dir, "package.json"), '{"type": "module"}');
    for (const [path, text] of Object.entries(FILES)) {
      mkdirSync(join(dir, path, ".."), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    root = pathToFileURL(`${dir}/`);
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const part = (driver: string, options: object = {}) => ({ driver, options });
  async function open(
    needs: Record<string, { driver: string; options: object }> | undefined,
    options: object = {},
  ) {
    done.length = 0;
    const declared = { driver: "output", options, ...(needs ? { needs } : {}) };
    return openDeclared("power", declared, driverContext(), root);
  }

  it("opens what is needed first, and closes it last", async () => {
    await (await open({ output: part("line"), sense: part("line") }))[Symbol.asyncDispose]();
    expect(done).toEqual([
      "open line with ",
      "open line with ",
      "open output with output sense",
      "close output",
      "close line",
      "close line",
    ]);
  });

  it("goes without what may be left out", async () => {
    await (await open({ output: part("line") }))[Symbol.asyncDispose]();
    expect(done).toContain("open output with output");
  });

  it.each([
    [
      undefined,
      "needs.output is missing: the driver power/output needs a digital-output that pulls the line.",
    ],
    [
      { output: part("line"), lamp: part("line") },
      "needs.lamp: the driver power/output needs output, sense and nothing else.",
    ],
    [
      { output: part("none") },
      "There is no such driver for digital-output. There are: deep, line.",
    ],
    [{ output: part("deep") }, "needs others itself"],
    [
      { output: part("line", { initial: "inactive" }) },
      "needs.output.options.initial: it would be set at each start of the agent",
    ],
    [
      { output: part("line", { speed: 3 }) },
      "The option speed of the driver digital-output/line: is not a known property.",
    ],
  ])("refuses %j and says what to correct", async (needs, message) => {
    const refused = open(needs);
    await expect(refused).rejects.toMatchObject({ name: "PortError" });
    await expect(refused).rejects.toThrow(message);
    expect(done.filter((what) => what.startsWith("open"))).toHaveLength(
      done.filter((what) => what.startsWith("close")).length,
    );
  });
});

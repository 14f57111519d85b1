import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { objects, shown, toFile } from "./bytes-out.js";
import { pasteParts } from "./paste.js";

let home: string;
beforeAll(() => void (home = mkdtempSync(join(tmpdir(), "outrider-cli-"))));
afterAll(() => rmSync(home, { recursive: true }));

async function* of(...chunks: (string | Error)[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) {
    if (chunk instanceof Error) throw chunk;
    yield Buffer.from(chunk, "latin1");
  }
}
async function all(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

describe("an export", () => {
  it("is there whole", async () => {
    const path = join(home, "whole");
    writeFileSync(path, "before");
    expect(await toFile(of("a\u0000", "\u00ff"), path)).toBe(3);
    expect([...readFileSync(path)]).toEqual([0x61, 0, 0xff]);
  });

  it("that breaks off leaves what was there, and nothing else", async () => {
    const path = join(home, "broken");
    writeFileSync(path, "before");
    await expect(toFile(of("half", new Error("broken off")), path)).rejects.toThrow("broken off");
    expect(readFileSync(path, "utf8")).toBe("before");
    expect(readdirSync(home).filter((name) => name.includes("part"))).toEqual([]);
  });

  it("says why it cannot be written", async () => {
    await expect(toFile(of("x"), join(home, "none", "x"))).rejects.toThrow("ENOENT");
  });
});

describe("P13: a log on a terminal", () => {
  it("moves no cursor, changes no title and no clipboard", async () => {
    const said = "ok\tfine\n\u001b]52;c;AAAA\u0007\u001b[2Jx\r\u009b5n\n";
    const text = await all(shown(of(Buffer.from(said).toString("latin1"))));
    expect(text).toBe("ok\tfine\n?]52;c;AAAA??[2Jx??5n\n");
  });

  it("has characters that were cut in two", async () => {
    const bytes = Buffer.from("ä\n").toString("latin1");
    expect(await all(shown(of(bytes.slice(0, 1), bytes.slice(1))))).toBe("ä\n");
  });
});

it("reads objects a line, however they are cut", async () => {
  const found: unknown[] = [];
  for await (const one of objects(of('{"a":1}\n{"b', '":2}\n\n{"c":3}'))) found.push(one);
  expect(found).toEqual([{ a: 1 }, { b: 2 }, { c: 3 }]);
});

it("cuts a paste after lines, and loses nothing", () => {
  const text = Array.from({ length: 9000 }, (_, index) => `line ${index} 𝛼\n`).join("");
  const parts = pasteParts(text);
  expect(parts.join("")).toBe(text);
  expect(parts.length).toBeGreaterThan(1);
  expect(parts.every((part) => part.endsWith("\n") && [...part].length <= 16_384)).toBe(true);
  expect(pasteParts("x".repeat(40_000)).map((part) => part.length)).toEqual([16_384, 16_384, 7232]);
  expect(pasteParts("")).toEqual([]);
});

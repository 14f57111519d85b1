import { describe, expect, it } from "vitest";
import { completionsOf, type Completions } from "./completion.js";
import { createProgram } from "./program.js";
import { recordingConsole } from "./testing/recording-console.js";

const nothing = (): Promise<void> => Promise.resolve();
const program = createProgram({
  console: recordingConsole().console,
  environment: {},
  online: nothing,
  offline: nothing,
});
const of = (line: string): Completions => completionsOf(program, line.split(" ").slice(1));

describe("what can follow", () => {
  it.each([
    ["outrider pow", "power"],
    ["outrider power ", "nmi"],
    ["outrider --context lab power ", "nmi"],
    ["outrider power on --w", "--wait"],
    ["outrider power on n1 -o ", "jsonl"],
    ["outrider power on --expect ", "Off"],
    ["outrider completion ", "fish"],
    ["outrider lock ", "break"],
    ["outrider console ", "search"],
    ["outrider console n1 --s", "--spy"],
    ["outrider console sysrq n1 ", "sync"],
  ])("%j can go on with %s", (line, word) => {
    expect(of(line).words).toContain(word);
  });

  it.each([
    ["outrider power off n", "nodes"],
    ["outrider power off n1 --reason x n", "nodes"],
    ["outrider get nodes ", "nodes"],
    ["outrider describe agent ", "agents"],
    ["outrider lock release ", "locks"],
    ["outrider power on --lock ", "locks"],
    ["outrider transition abort ", "transitions"],
    ["outrider context use ", "contexts"],
    ["outrider apply -f ", "files"],
    ["outrider console ", "nodes"],
    ["outrider console log ", "nodes"],
    ["outrider console log n1 -o ", "files"],
    ["outrider console search x ", "nodes"],
  ] as const)("%j asks for %s", (line, dynamic) => {
    expect(of(line).dynamic).toBe(dynamic);
  });

  it("does not offer what is not for people", () => {
    expect(of("outrider ").words).not.toContain("__complete");
    expect(of("outrider power on --reason ")).toMatchObject({ words: [] });
  });
});

import { describe, expect, it } from "vitest";
import { readCommandLine, UsageError } from "./command-line.js";

describe("the command line of outrider-backup", () => {
  it("takes places from flags, else from the environment", () => {
    const environment = { OUTRIDER_DATA: "/d", OUTRIDER_DATABASE_URL: "postgresql://h/o" };
    expect(readCommandLine(["backup", "f"], environment)).toEqual({
      command: "backup",
      file: "f",
      dataDirectory: "/d",
      databaseUrl: "postgresql://h/o",
      replace: false,
    });
    expect(readCommandLine(["restore", "--data", "/e", "--replace", "f"], {})).toMatchObject({
      command: "restore",
      dataDirectory: "/e",
      databaseUrl: undefined,
      replace: true,
    });
    expect(readCommandLine(["backup", "f"], {})).toMatchObject({ dataDirectory: "./data" });
    expect(readCommandLine(["--help"], {})).toBe("help");
  });

  it.each([
    [[]],
    [["burn", "f"]],
    [["backup"]],
    [["backup", "f", "g"]],
    [["backup", "--replace", "f"]],
    [["show", "--all", "f"]],
  ])("refuses %j", (args) => {
    expect(() => readCommandLine(args, {})).toThrow(UsageError);
  });
});

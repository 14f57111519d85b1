import { describe, expect, it } from "vitest";
import { readDatabaseUrl } from "./influx-url.js";

describe("the URL of a database", () => {
  it.each([
    ["http://db:8086", "http://db:8086", "outrider", undefined],
    ["http://db:8086/", "http://db:8086", "outrider", undefined],
    ["https://db/lab", "https://db", "lab", undefined],
    ["influx+http://db:8086/proxy/a%20b", "http://db:8086/proxy", "a b", "influx"],
    ["influx2+https://db", "https://db", "outrider", "influx-compatible"],
    ["influx3+http://db:8181/x", "http://db:8181", "x", "influx-compatible"],
    ["victoria+http://db:8428/vm/one", "http://db:8428/vm/one", "one", "victoria"],
  ])("%s", (text, base, database, kind) => {
    const read = readDatabaseUrl(text);
    expect([read.target.base, read.database, read.kind]).toEqual([base, database, kind]);
    expect(read.target.headers).toEqual({});
  });

  it("may have a user and a password, or a token, which stand in no address that is shown", () => {
    const user = readDatabaseUrl("http://me:p%40ss@db:8086/x");
    expect(user.target).toEqual({
      base: "http://db:8086",
      headers: { authorization: `Basic ${Buffer.from("me:p@ss").toString("base64")}` },
    });
    const token = readDatabaseUrl("influx2+http://token:abc%3D%3D@db:8086/x");
    expect(token.target.headers).toEqual({ authorization: "Token abc==" });
    expect(token.url.href).not.toContain("abc");
  });

  it.each(["", "db:8086", "ftp://db", "graphite+http://db", "http://db/x?y=1", "http://"])(
    "is not %j",
    (text) => {
      expect(() => readDatabaseUrl(text)).toThrow(/must be like http:\/\/user/);
    },
  );

  it("that is wrong is not told with its password", () => {
    const text = "graphite+http://me:secret@db";
    expect(() => readDatabaseUrl(text)).toThrow(expect.not.stringContaining("secret"));
  });
});

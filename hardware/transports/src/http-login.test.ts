import { describe, expect, it } from "vitest";
import { authorizationFor } from "./http-login.js";

/** The example of RFC 7616, 3.9.1. */
const asked = { method: "GET", path: "/dir/index.html" } as const;
const login = { username: "Mufasa", password: "Circle of Life" };
const given = `realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`;
const cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

describe("digest authentication", () => {
  it.each([
    ["SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"],
    ["MD5", "8ca523f5e9506fed4657c9700eebdbec"],
  ])("answers as the standard's example does with %s", (algorithm, response) => {
    const said = authorizationFor(`Digest ${given}, algorithm=${algorithm}`, asked, login, cnonce);
    expect(said).toContain(`response="${response}"`);
    expect(said).toContain(`username="Mufasa"`);
    expect(said).not.toContain("Circle");
  });

  it("is basic where the device asks for that, and nothing where it asks for what is not known", () => {
    expect(authorizationFor('Basic realm="x"', asked, login)).toBe(
      "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl",
    );
    const both = authorizationFor(`Basic realm="y", Digest ${given}`, asked, login, cnonce);
    expect(both).toContain('realm="http-auth@example.org"');
    expect(authorizationFor("Negotiate", asked, login)).toBeUndefined();
    expect(
      authorizationFor(`Digest ${given}, algorithm=SHA-512-256`, asked, login),
    ).toBeUndefined();
  });
});

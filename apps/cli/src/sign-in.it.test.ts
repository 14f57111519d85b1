import { expect, it } from "vitest";
import { Api } from "./api.js";
import { signIn } from "./sign-in.js";
import { recordingConsole } from "./testing/recording-console.js";
import { startStubGateway, type Reply } from "./testing/stub-gateway.js";

async function signedIn(typed: readonly string[], put: (before: number) => Reply) {
  await using stub = await startStubGateway(({ method, path }, before) => {
    if (path === "/session/password") return put(before);
    if (path.endsWith("/tokens")) return { id: "k1", token: "secret" };
    return method === "GET" ? { name: "anna", mustChangePassword: true } : {};
  });
  const { console, said } = recordingConsole(typed);
  const api = new Api({ url: stub.url, name: "stub" }, console.interrupted);
  const wish = { user: "anna", tokenName: "t", days: 1, passwordStdin: false };
  const token = await signIn(api, console, wish).catch((error: unknown) => error);
  const chosen = stub.asked.filter(({ path }) => path === "/session/password");
  return { token, said, chosen: chosen.map(({ body }) => body?.["new"]), wrong: stub.wrong };
}

const short: Reply = {
  status: 422,
  problem: { code: "invalid", detail: "password: expected 10 to 256 characters" },
};

it("says the rules first, and asks again for a password that is not taken", async () => {
  const { token, said, chosen, wrong } = await signedIn(
    ["one-time", "short", "short", "one thing", "another", "good enough", "good enough"],
    (before) => (before === 0 ? short : {}),
  );
  expect(token).toEqual({ id: "k1", token: "secret" });
  expect(chosen).toEqual(["short", "good enough"]);
  expect(wrong).toEqual([]);
  expect(said.error[0]).toContain("10 to 256 characters");
  expect(said.error.slice(1)).toEqual([
    "outrider: password: expected 10 to 256 characters",
    "outrider: the two are not the same; nothing was changed",
  ]);
});

it("gives up after three", async () => {
  const all = ["one-time", ...Array.from({ length: 8 }, () => "short")];
  const { token, chosen } = await signedIn(all, () => short);
  expect(token).toMatchObject({ message: "password: expected 10 to 256 characters" });
  expect(chosen).toHaveLength(3);
});

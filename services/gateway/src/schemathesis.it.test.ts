import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLab, type Lab } from "./testing/lab.js";
import { runSchemathesis, schemathesisProgram } from "./testing/schemathesis.js";

/** What is asked in the right shape may still be refused for what it means; in the wrong shape it is 400. */
const CONFIG = `
[generation]
# JSON may write it and no database keeps it: refused as malformed, which no schema can say.
allow-x00 = false
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "401", "403", "404", "409", "412", "422", "423", "429"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "423", "429"]
[parameters]
node = "n1"
nodes = "n[1-2]"
target = "@all"
service = "power"
agent = "lab"
endpoint = "n1.power"
`;

const program = await schemathesisProgram();

describe.skipIf(program === undefined)("schemathesis", () => {
  let lab: Lab;
  let token: string;

  beforeAll(async () => {
    lab = await startLab({ closed: true, nodes: 2, consoles: true, sensors: true });
    token = await administratorToken(lab);
  });

  afterAll(() => lab?.[Symbol.asyncDispose]());

  it("finds nothing in the API of a running site", { timeout: 300_000 }, async () => {
    const config = join(lab.data, "schemathesis.toml");
    await writeFile(config, CONFIG);
    const { code, said } = await runSchemathesis(
      program ?? "",
      [
        "--config-file",
        config,
        "run",
        `${lab.url}/api/v1/openapi.json`,
        "--header",
        `Authorization: Bearer ${token}`,
        "--checks",
        "all",
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "12",
        "--seed",
        "1",
        "--no-color",
        "--no-shrink",
        "--continue-on-failure",
        // A stream has no end that could be looked at.
        "--exclude-path-regex",
        "/events(/ws)?$|/console/(attach|log)$|/live$",
        "--generation-database",
        "none",
      ],
      AbortSignal.timeout(280_000),
    );
    await writeFile(process.env["OUTRIDER_SCHEMATHESIS_REPORT"] ?? "/dev/null", said);
    const [, failures = ""] = said.split(/=+ FAILURES =+/);
    expect(failures.slice(0, 6000)).toBe("");
    expect({ code, end: said.slice(-2000) }).toMatchObject({ code: 0 });
    expect(lab.gateway.running).toBe(true);
  });
});

/** Signs in as the first administrator and makes a token of all rights. */
async function administratorToken({ data, ask }: Lab): Promise<string> {
  const first = (await readFile(join(data, "secrets", "first-admin"), "utf8")).trim();
  const web = { "outrider-via": "web" };
  const cookieOf = (reply: Response): string =>
    reply.headers.getSetCookie()[0]?.split(";", 1)[0] ?? "";
  const cookie = cookieOf(await ask("POST", "/session", { name: "admin", password: first }));
  const next = "a password of the test's own";
  const changed = await ask(
    "PUT",
    "/session/password",
    { old: first, new: next },
    { cookie, ...web },
  );
  const made = await ask(
    "POST",
    "/users/admin/tokens",
    { name: "test" },
    { cookie: cookieOf(changed), ...web },
  );
  return ((await made.json()) as { token: string }).token;
}

import type { DescribedDriver } from "@outrider/contracts/agent";
import { agentId } from "@outrider/contracts/ids";
import { jsonSchemaOf } from "@outrider/contracts/schema";
import { SecretReference } from "@outrider/contracts/secret";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { driverProblems } from "./driver-options.js";
import { diffSites } from "./record/site-diff.js";
import { readSite } from "./site-file.js";
import { problemText, SiteFileError } from "./site-problem.js";

const CANARY = "canary4hunter";

const DRIVER: DescribedDriver = {
  port: "power",
  driver: "pdu",
  summary: "An outlet.",
  actions: ["On", "ForceOff"],
  options: {
    type: "object",
    definitions: { SecretReference: jsonSchemaOf(SecretReference) },
    properties: {
      community: { $ref: "#/definitions/SecretReference" },
      url: { type: "string", pattern: "^https?://[a-z0-9.]+(:[0-9]+)?$" },
      version: { enum: ["1", "2c"] },
      outlet: { type: "integer", maximum: 48 },
      names: { type: "array", items: { type: "string", maxLength: 3 } },
    },
    additionalProperties: false,
  },
};

/** What is said of a node that is declared so, by the file alone or by its agent's driver. */
function said(...power: readonly string[]): string[] {
  const lines = ["site: lab", "agents: { a: {} }", "nodes:", "  n1:", "    power:"];
  const text = [...lines, ...power.map((line) => `      ${line}`)].join("\n");
  try {
    const site = readSite(text, "site.yaml");
    return driverProblems(site, agentId("a"), [DRIVER]).map((one) => problemText(site.file, one));
  } catch (error) {
    if (!(error instanceof SiteFileError)) throw error;
    return error.problems.map((one) => problemText(error.file, one));
  }
}

const driver = ["agent: a", "driver: pdu"];

describe("what is written where drivers take their secrets is repeated by no message:", () => {
  it.each([
    [
      `options: { community: ${CANARY} }`,
      "nodes.n1.power.options.community: this text is not { file: … } or { env: … }, which say where the secret is",
    ],
    ["options: { community: 4711 }", "options.community: this number is not { file: … }"],
    [`options: { community: [${CANARY}] }`, "options.community: this list is not { file: … }"],
    [`options: { community: { ${CANARY} } }`, "options.community: has a key that is not known"],
    [`options: { community: { file: ${CANARY} } }`, "expected the absolute path of a file"],
    [
      `options: { community: { env: ${CANARY} } }`,
      "expected a variable such as OUTRIDER_SECRET_SMTP",
    ],
    [`options: { url: "https://root:${CANARY}@10.0.0.9" }`, "options.url: this text does not fit"],
    [`options: { version: ${CANARY} }`, "this text is no known value; expected one of 1, 2c"],
    [`options: { outlet: ${CANARY} }`, "options.outlet: this text is not a whole number"],
    [`options: { names: [${CANARY}] }`, "this text must NOT have more than 3 characters"],
    [`options: ${CANARY}`, "options: this text is not a map"],
    [`needs: { output: ${CANARY} }`, "needs.output: this text is not a map"],
    [
      `needs: { output: { driver: gpio, options: ${CANARY} } }`,
      "output.options: this text is not a map",
    ],
    [`options: { community: *${CANARY} }`, "this alias has no anchor"],
    [`options: { community: !${CANARY} }`, "Unresolved tag; put text"],
    [`options: { community: ]${CANARY} }`, ""],
    [`options: { community: >${CANARY} }`, ""],
  ])("%s", (line, expected) => {
    const messages = said(...driver, line).join("\n");
    expect(messages).toContain("site.yaml:");
    expect(messages).toContain(expected);
    expect(messages).not.toContain(CANARY);
    expect(messages).not.toContain("4711");
  });

  it("a number out of bounds is none", () => {
    expect(said(...driver, "options: { outlet: 49 }")).toEqual([
      "site.yaml:8: nodes.n1.power.options.outlet: '49' must be <= 48",
    ]);
  });

  it("nor is the login of a URL, wherever it stands", () => {
    const messages = said("agent: a", `driver: "https://root:${CANARY}@host/path"`);
    expect(messages.join("\n")).toContain("'https://…@host/path' does not fit");
  });

  it("nor what stands in place of a reference elsewhere in the file", () => {
    const channel = `notifications: { channels: { x: { ntfy: { url: "https://ntfy.sh/rack", token: ${CANARY} } } } }`;
    const text = `site: lab\nagents: {}\nnodes: {}\n${channel}`;
    expect(() => readSite(text, "site.yaml")).toThrow(
      /^site\.yaml:4: notifications\.channels\.x\.ntfy\.token: this text is not \{ file: … \} or \{ env: … \}, which say where the secret is$/,
    );
  });
});

describe("what changes in a site is told", () => {
  const site = (options: string): unknown =>
    parse(`nodes: { n1: { power: { agent: a, driver: pdu, options: ${options} } } }`);

  it("without the secrets that somebody wrote into it", () => {
    const written = `{ host: 10.0.0.2, community: ${CANARY}, password: 4711, url: "https://root:${CANARY}@10.0.0.9/" }`;
    const added = diffSites({ nodes: {} }, site(written));
    const changed = diffSites(site("{ community: before, url: x }"), site(written));
    const told = JSON.stringify([added, changed]);
    expect(told).not.toContain(CANARY);
    expect(told).not.toContain("4711");
    expect(told).not.toContain("before,");
    expect(changed).toContainEqual({
      kind: "changed",
      path: "nodes.n1.power.options.community",
      before: '"(not shown)"',
      after: '"(not shown)"',
    });
    expect(changed).toContainEqual(expect.objectContaining({ after: '"https://…@10.0.0.9/"' }));
  });

  it("with references as they are", () => {
    const [change] = diffSites(site("{}"), site("{ community: { file: /etc/outrider/poe } }"));
    expect(change?.after).toBe('{"file":"/etc/outrider/poe"}');
  });
});

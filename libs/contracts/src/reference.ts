import { CATALOG } from "./catalog.js";
import { TOPIC_ROOT, type AnyContract, type Writer } from "./contract.js";
import { table } from "./markdown.js";
import { REASONS } from "./reasons.js";
import { actionTable } from "./reference-actions.js";
import { topicReference } from "./reference-topics.js";
import { jsonSchemaOf } from "./schema.js";
import { SiteFile } from "./site-file.js";

/** The command that writes these files anew. */
export const REFERENCE_COMMAND = "npm run reference";

/**
 * Every page of `docs/reference` that is made from the contracts, by its path there. Pure: what the pages should be,
 * for {@link REFERENCE_COMMAND} to write and for a test to compare.
 */
export function referenceFiles(
  catalog: readonly AnyContract[] = CATALOG,
): ReadonlyMap<string, string> {
  const files = new Map([
    ["topics.md", page(topicReference(catalog))],
    ["publish-acl.md", page(publishAcl(catalog))],
    ["reason-codes.md", page(reasonCodes())],
    ["action-table.md", page(actionTable())],
  ]);
  for (const { payload } of catalog) {
    files.set(
      `schemas/${payload.name}.json`,
      `${JSON.stringify(jsonSchemaOf(payload), undefined, 2)}\n`,
    );
  }
  // For editors; the file is no message.
  files.set("site-file.schema.json", `${JSON.stringify(jsonSchemaOf(SiteFile), undefined, 2)}\n`);
  return files;
}

function page(text: string): string {
  const [title, ...rest] = text.trim().split("\n");
  return [
    title,
    "",
    `<!-- Made from libs/contracts by \`${REFERENCE_COMMAND}\`. Not edited by hand. -->`,
    ...rest,
    "",
  ].join("\n");
}

function publishAcl(catalog: readonly AnyContract[]): string {
  const rows = catalog.map(({ template, writers, retain, will }) => [
    `\`${TOPIC_ROOT}${template}\``,
    writers.map((writer) => WRITER_WORDS[writer] ?? `the service \`${writer}\``).join("; "),
    retain ? (will ? "yes, will" : "yes") : "no",
  ]);
  return `# Who may publish what

The broker lets an identity publish on a topic when the writer column of the topic's contract says so, and on no other
topic. A viewer publishes nothing. A retain flag on a topic that is not retained is never stored.

${table(["Topic", "Writer", "Retained"], rows)}`;
}

const WRITER_WORDS: Partial<Record<Writer, string>> = {
  agent: "the agent whose id stands in `{agent}`",
  service: "the service whose name stands in `{service}`",
  services: "any service",
  anyone: "any operator and any service",
};

function reasonCodes(): string {
  const rows = Object.entries(REASONS).map(([code, words]) => [`\`${code}\``, words]);
  return `# Reason codes

\`reasonCode\` of a result says why a command was refused or ended badly. The list is closed. Programs read the code; the
\`detail\` beside it is a sentence for people, and its words may change.

${table(["Code", "What it means, and what to do"], rows)}`;
}

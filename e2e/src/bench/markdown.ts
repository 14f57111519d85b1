/** A table of Markdown. The first column is text, the others are figures. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, index) => (index === 0 ? "---" : "--:"));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

const BEGIN = "<!-- bench -->";
const END = "<!-- /bench -->";

/**
 * Puts new results between the markers of a document, each under the title of its section; sections that were not
 * measured anew stay as they are, and the rest of the document is somebody's writing.
 * @param order titles of all sections there are; others are dropped
 * @throws Error when a marker is missing
 */
export function replaceResults(
  document: string,
  results: ReadonlyMap<string, string>,
  order: readonly string[],
): string {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END);
  if (from < 0 || to < from) throw new Error(`the document has no ${BEGIN} … ${END}`);
  const sections = new Map(
    document
      .slice(from + BEGIN.length, to)
      .split(/^## /m)
      .slice(1)
      .map((section) => {
        const [title = "", ...lines] = section.split("\n");
        return [title.trim(), lines.join("\n").trim()] as const;
      }),
  );
  for (const [title, text] of results) sections.set(title, text.trim());
  const text = order
    .flatMap((title) => {
      const section = sections.get(title);
      return section === undefined ? [] : [`## ${title}\n\n${section}`];
    })
    .join("\n\n");
  return `${document.slice(0, from)}${BEGIN}\n\n${text}\n\n${document.slice(to)}`;
}

/** Three digits that count: 0.0123, 1.23, 12.3, 1,230. */
export function figure(value: number): string {
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en-US", {
    minimumFractionDigits: Math.min(digits, 3),
    maximumFractionDigits: Math.min(digits, 3),
  });
}

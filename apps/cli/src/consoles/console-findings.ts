import { foldNodes } from "@outrider/contracts/node-set";
import { countText } from "../count.js";
import type { Finding } from "../findings.js";
import type { NodeView } from "../node-rows.js";

/** What is wrong with consoles; nothing where there are none. */
export function consoleFindings(nodes: readonly NodeView[]): Finding[] {
  const consoles = nodes.filter((node) => node.console !== undefined);
  if (consoles.length === 0) return [];
  const groups = new Map<string, { readonly ids: string[]; readonly advice: string }>();
  for (const { id, console } of consoles) {
    if (!console) continue;
    const { link, logProblem, stale, line, closed } = console;
    const wrong: (readonly [what: string, advice: string])[] = [];
    if (stale)
      wrong.push(["nothing fresh is known of the console", "see how the console service fares"]);
    else if (closed) {
      const { actor, until, reason } = closed;
      const why = reason === undefined ? "" : ` (${reason})`;
      wrong.push([
        `the console is closed by ${actor} until ${until}${why}`,
        "`outrider console open` takes its device back before",
      ]);
    } else if (link.value !== "Up") {
      const why = link.detail === undefined ? "" : `: ${link.detail}`;
      wrong.push([
        `the console is not connected${why}`,
        link.value === "Down"
          ? "see to its device; what the machine says until then is lost, and the log marks it"
          : "see how the agent fares; what the machine says is spooled there where it can be heard at all",
      ]);
    }
    if (!stale && line) {
      wrong.push([
        `the line has ${line.present}, and the site says ${line.declared}`,
        "somebody may need it so; `outrider console line NODE declared` sets it back",
      ]);
    }
    if (logProblem !== undefined) {
      wrong.push([`the console goes on without its log: ${logProblem}`, "make room on that disk"]);
    }
    for (const [what, advice] of wrong) {
      const group = groups.get(what) ?? { ids: [], advice };
      group.ids.push(id);
      groups.set(what, group);
    }
  }
  if (groups.size === 0) {
    const what = `${countText(consoles.length, "console is", "consoles are")} connected`;
    return [{ level: "ok", what, advice: "" }];
  }
  return [...groups].map(([what, { ids, advice }]) => ({
    level: "warning",
    what: `${foldNodes(ids)}: ${what}`,
    advice,
  }));
}

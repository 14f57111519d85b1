import type { NodeIdentified } from "@outrider/contracts/identify";
import { parseDuration } from "@outrider/contracts/clock";
import { InvalidArgumentError, type Command } from "commander";
import { ApiError, type Api } from "../api.js";
import type { Cli } from "../cli.js";
import { EXIT, type ExitCode } from "../exit-code.js";
import { nodesOf } from "../node-list.js";
import { nodesArgument } from "../options.js";
import { plain } from "../plain.js";

const LONGEST_S = 99_999;

export function addIdentifyCommands(program: Command, cli: Cli): void {
  nodesArgument(program.command("identify"))
    .description(
      "let the lamps of nodes shine: on, off, or for a while such as 30s; on when left out",
    )
    .action((words: string[]) => {
      const { nodes, state } = readWords(words);
      return cli.online((api) => identify(api, nodes, state, cli));
    });
}

/** The last word says what is wanted, where it is not the only one. */
export function readWords(words: readonly string[]): {
  readonly nodes: readonly string[];
  readonly state: string;
} {
  const last = words.at(-1) ?? "";
  if (words.length < 2) return { nodes: words, state: "on" };
  if (last === "on" || last === "off") return { nodes: words.slice(0, -1), state: last };
  const span = parseDuration(/^\d+$/.test(last) ? `${last}s` : last);
  if (span === undefined) return { nodes: words, state: "on" };
  const seconds = Math.round(span / 1000);
  if (seconds < 1 || seconds > LONGEST_S) {
    throw new InvalidArgumentError(`Expected a time from 1s to ${LONGEST_S}s, such as 30s or 5m.`);
  }
  return { nodes: words.slice(0, -1), state: String(seconds) };
}

/** Each node by itself: one without a lamp keeps none of the others in the dark. */
async function identify(
  api: Api,
  nodes: readonly string[],
  state: string,
  { console }: Cli,
): Promise<ExitCode> {
  let worst: ExitCode = EXIT.verified;
  for (const { id } of await nodesOf(api, nodes.join(","))) {
    try {
      const path = `/nodes/${encodeURIComponent(id)}/identify`;
      const { on, until } = await api.post<NodeIdentified>(path, { state });
      const end = until === undefined ? "" : ` until ${until}`;
      console.out(plain(`${id}: ${on ? "on" : "off"}${end}`));
      if (on !== (state !== "off")) worst = EXIT.precondition;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      console.error(plain(`outrider: ${id}: ${error.message}`));
      worst = EXIT.precondition;
    }
  }
  return worst;
}

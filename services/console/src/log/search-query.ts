import { RE2JS } from "re2js";
import { SearchError, type SearchQuery } from "./console-log.js";
import { requiredTexts } from "./required-texts.js";
import { foldCase } from "./trigram-filter.js";

/** A program of RE2 that is larger would make each line slow. */
const LARGEST_PROGRAM = 1000;
const LONGEST_QUERY = 500;

/** A query that is ready to be asked of lines. */
export interface CompiledQuery {
  /** Where in a line it is found first. */
  find(text: string): { readonly from: number; readonly to: number } | undefined;
  /**
   * Folded texts of which each alternative's are all in a line that matches; undefined when nothing is known.
   */
  readonly required: readonly (readonly string[])[] | undefined;
}

/** @throws SearchError when it cannot be searched for */
export function compileQuery(query: Pick<SearchQuery, "query" | "regex">): CompiledQuery {
  const { query: text, regex } = query;
  if ((text === undefined) === (regex === undefined)) {
    throw new SearchError("Give either a text or a regular expression to search for.");
  }
  if ((text ?? regex ?? "").length > LONGEST_QUERY) {
    throw new SearchError(`A search has at most ${LONGEST_QUERY} characters.`);
  }
  return text === undefined ? compileRegex(regex as string) : compileText(text);
}

function compileText(text: string): CompiledQuery {
  if (text === "") throw new SearchError("There is nothing to search for: the text is empty.");
  if (text.includes("\n"))
    throw new SearchError("A search is within one line: leave out the line feed.");
  const wanted = foldCase(text);
  return {
    required: [[wanted]],
    find(line) {
      const from = foldCase(line).indexOf(wanted);
      return from < 0 ? undefined : { from, to: from + wanted.length };
    },
  };
}

function compileRegex(regex: string): CompiledQuery {
  let pattern: RE2JS;
  try {
    pattern = RE2JS.compile(regex);
  } catch (cause) {
    throw new SearchError(
      `The regular expression is wrong: ${(cause as Error).message}. The syntax is RE2's: no look-around, no back references.`,
    );
  }
  if (pattern.programSize() > LARGEST_PROGRAM) {
    throw new SearchError("The regular expression is too large: use fewer or smaller repetitions.");
  }
  const required = requiredTexts(regex);
  return {
    required,
    find(line) {
      if (required && !mayHold(foldCase(line), required)) return undefined;
      if (!pattern.test(line)) return undefined;
      const matcher = pattern.matcher(line);
      return matcher.find() ? { from: matcher.start(), to: matcher.end() } : undefined;
    },
  };
}

function mayHold(folded: string, required: readonly (readonly string[])[]): boolean {
  return required.some((texts) => texts.every((text) => folded.includes(text)));
}

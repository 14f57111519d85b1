/** Something wrong in a site file, and where. */
export interface SiteProblem {
  /** From 1. */
  readonly line: number;
  /** `nodes.n1.power.driver`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong and what was expected. */
  readonly message: string;
}

/** Steps from the root of the file: keys, and indices of lists. */
export type SitePath = readonly (string | number)[];

/** Takes note of something wrong at a path. */
export type Report = (path: SitePath, message: string) => void;

/** `site.yaml:12: nodes.n1.power.driver: unknown driver …` */
export function problemText(file: string, { line, path, message }: SiteProblem): string {
  return `${file}:${line}: ${path === "" ? "" : `${path}: `}${message}`;
}

/** A path as people write it. A step that is no plain word is quoted. */
export function pathText(path: SitePath): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      const word = /^[\w./-]{1,80}$/.test(step) ? step : quoted(step);
      return index === 0 ? word : `.${word}`;
    })
    .join("");
}

/** A value of the file as it may be shown in a message: short, on one line, without the login of a URL. */
export function quoted(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? typeof value);
  const line = withoutLogin(text).replaceAll(/[\p{Cc}\p{Cf}\p{Cs}]/gu, "?");
  return `'${line.length > 60 ? `${line.slice(0, 57)}...` : line}'`;
}

/** A text without name and password of the URLs in it. A password that is not escaped may have any character but a space. */
export function withoutLogin(text: string): string {
  return text.replaceAll(/:\/\/[^\s"]*@/g, "://…@");
}

/** A site file that cannot be used: every problem in it, nothing of it applied. */
export class SiteFileError extends Error {
  override readonly name = "SiteFileError";

  constructor(
    readonly file: string,
    readonly problems: readonly SiteProblem[],
  ) {
    super(problems.map((problem) => problemText(file, problem)).join("\n"));
  }
}

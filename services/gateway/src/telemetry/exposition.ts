/** Prometheus' text format, version 0.0.4: written, and read as far as is needed to put several together. */

export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type MetricType = "gauge" | "counter";
export type Labels = Readonly<Record<string, string>>;

interface Family {
  help: string | undefined;
  type: string | undefined;
  readonly lines: string[];
}

const NUMBER = /[-+]?(?:\d[\d.eE+-]*|\.\d[\d.eE+-]*|Inf)|NaN/;
/** Name, labels, value with the time that may stand behind it. */
const SAMPLE = new RegExp(
  `^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\\{(.*)\\})?\\s+((?:${NUMBER.source})(?:\\s+-?\\d+)?)\\s*$`,
);
const COMMENT = /^#\s+(HELP|TYPE)\s+([a-zA-Z_:][a-zA-Z0-9_:]*)\s?(.*)$/;
/** What the parts of a histogram or summary are called beside its own name. */
const PARTS = /_(?:bucket|sum|count)$/;

/** Collects families of metrics: each with its samples together, however they came (the format demands it). */
export class Exposition {
  readonly #families = new Map<string, Family>();

  /** Names a metric. Without a sample it is not told. */
  declare(name: string, type: MetricType, help: string): (value: number, labels?: Labels) => void {
    const family = this.#family(name);
    family.type ??= type;
    family.help ??= escapedHelp(help);
    return (value, labels = {}) => {
      family.lines.push(`${name}${labelsText(labelPairs(labels))} ${numberText(value)}`);
    };
  }

  /**
   * Takes what another process tells, each sample with further labels. What cannot be read is left out; a label that is
   * there already stays.
   */
  merge(text: string, labels: Labels): void {
    const further = labelPairs(labels);
    const types = new Map<string, string>();
    for (const line of text.split("\n")) {
      const comment = COMMENT.exec(line);
      if (comment) {
        const [, kind, name = "", said = ""] = comment;
        if (kind === "TYPE") types.set(name, said.trim());
        const family = this.#family(name);
        if (kind === "HELP") family.help ??= said;
        else family.type ??= said.trim();
        continue;
      }
      const sample = line.startsWith("#") ? null : SAMPLE.exec(line);
      if (!sample) continue;
      const [, name = "", inner = "", value = ""] = sample;
      const own = inner.replace(/,\s*$/, "");
      const added = further.filter((pair) => {
        const [label = ""] = pair.split("=", 1);
        return !new RegExp(`(^|,)\\s*${label}\\s*=`).test(own);
      });
      const family = this.#family(types.has(name) ? name : name.replace(PARTS, ""));
      family.lines.push(`${name}${labelsText(own === "" ? added : [...added, own])} ${value}`);
    }
  }

  /** By name; families without samples are left out. */
  text(): string {
    const families = [...this.#families]
      .filter(([, { lines }]) => lines.length > 0)
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    return families
      .map(([name, { help, type, lines }]) =>
        [
          ...(help === undefined ? [] : [`# HELP ${name} ${help}`]),
          ...(type === undefined ? [] : [`# TYPE ${name} ${type}`]),
          ...lines,
          "",
        ].join("\n"),
      )
      .join("");
  }

  #family(name: string): Family {
    let family = this.#families.get(name);
    if (!family) {
      family = { help: undefined, type: undefined, lines: [] };
      this.#families.set(name, family);
    }
    return family;
  }
}

function labelPairs(labels: Labels): string[] {
  return Object.entries(labels).map(([name, value]) => `${name}="${escapedLabel(value)}"`);
}

function labelsText(pairs: readonly string[]): string {
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapedLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function escapedHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}

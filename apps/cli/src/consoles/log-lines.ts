/** An item of a log as `format=jsonl` has it. */
export interface LogItem {
  readonly at: string;
  /** When a line last went on after a pause. */
  readonly wentOn?: string;
  readonly position: number;
  readonly text?: string;
  readonly mark?: string;
  readonly gap?: {
    readonly reason: string;
    readonly lost: number | null;
    readonly from: string;
    readonly to: string;
  };
}

/** As `format=text` has it. */
export function logLine({ at, wentOn = at, text, mark, gap }: LogItem): string {
  if (gap) {
    const what = gap.lost === null ? "bytes may be missing" : `${gap.lost} bytes are missing`;
    return `[outrider: ${what} between ${gap.from} and ${gap.to}: ${gap.reason}]`;
  }
  if (mark !== undefined) return `[outrider: ${at} ${mark.replaceAll(/\p{Cc}/gu, " ")}]`;
  return `${wentOn} ${text ?? ""}`;
}

/** Where somebody is who follows a log: what they have had is left out when it comes again. */
export class LogPlace {
  #position: number | undefined;
  /** What has come at this very position: several marks can stand at one. */
  #seen = new Set<string>();

  /** From where to ask again; undefined: nothing has come yet. */
  get position(): number | undefined {
    return this.#position;
  }

  /** @returns whether it is new */
  take(item: LogItem): boolean {
    if (this.#position !== undefined && item.position < this.#position) return false;
    const key = JSON.stringify(item);
    if (item.position !== this.#position) {
      this.#position = item.position;
      this.#seen.clear();
    }
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }
}

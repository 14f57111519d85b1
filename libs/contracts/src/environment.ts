/** Reads a process's configuration from its environment, once, at start. */

export interface Variable<T> {
  /** What a value must look like, in words. */
  readonly expected: string;
  /** Undefined when the text does not fit. */
  readonly read: (text: string) => T | undefined;
  /** Undefined: the variable is required. */
  readonly fallback?: { readonly value: T };
}

/** Wrong environment variables, all of them at once, each with its name, value and what was expected. */
export class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

type Values<V extends Record<string, Variable<unknown>>> = {
  readonly [K in keyof V]: V[K] extends Variable<infer T> ? T : never;
};

/**
 * Reads the declared variables. An empty value counts as not set.
 * @throws EnvironmentError
 */
export function readEnvironment<const V extends Record<string, Variable<unknown>>>(
  variables: V,
  environment: Readonly<Record<string, string | undefined>>,
): Values<V> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, one] of Object.entries(variables)) {
    const text = environment[name];
    if (text === undefined || text === "") {
      if (one.fallback) values[name] = one.fallback.value;
      else problems.push(`${name} is not set; expected ${one.expected}`);
      continue;
    }
    const value = one.read(text);
    if (value === undefined)
      problems.push(`${name}=${JSON.stringify(text)}; expected ${one.expected}`);
    else values[name] = value;
  }
  if (problems.length > 0) throw new EnvironmentError(problems);
  return values as Values<V>;
}

function variable<T>(
  expected: string,
  read: (text: string) => T | undefined,
  fallback?: T,
): Variable<T> {
  return fallback === undefined
    ? { expected, read }
    : { expected, read, fallback: { value: fallback } };
}

export const text = (fallback?: string): Variable<string> =>
  variable("text", (value) => value, fallback);

/** Text that may be left out. */
export const optionalText = (): Variable<string | undefined> => ({
  expected: "text",
  read: (value) => value,
  fallback: { value: undefined },
});

export const pattern = (expected: string, form: RegExp, fallback?: string): Variable<string> =>
  variable(expected, (value) => (form.test(value) ? value : undefined), fallback);

export const port = (fallback?: number): Variable<number> =>
  variable("a TCP port, 0 to 65535", (value) => whole(value, 0, 65_535), fallback);

export const mqttUrl = (fallback?: string): Variable<string> =>
  variable(
    "a URL like mqtt://127.0.0.1:1883",
    (value) => (/^mqtts?:\/\/[^/]+\/?$/.test(value) ? value : undefined),
    fallback,
  );

/** PostgreSQL, which may be left out. */
export const databaseUrl = (): Variable<string | undefined> => ({
  expected: "a URL like postgresql://outrider@127.0.0.1:5432/outrider",
  read: (value) => (/^postgres(ql)?:\/\/\S+$/.test(value) ? value : undefined),
  fallback: { value: undefined },
});

export const yesOrNo = (fallback?: boolean): Variable<boolean> =>
  variable(
    "yes or no",
    (value) => (value === "yes" ? true : value === "no" ? false : undefined),
    fallback,
  );

/** A whole number that may be left out. */
export const optionalNumber = (least: number, most: number): Variable<number | undefined> => ({
  expected: `a whole number from ${least} to ${most}`,
  read: (value) => whole(value, least, most),
  fallback: { value: undefined },
});

const BYTES: Readonly<Record<string, number>> = { "": 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/** A size that may be left out. @param leastMB in millions of bytes */
export const optionalBytes = (leastMB: number): Variable<number | undefined> => ({
  expected: `a size like 20GB or a number of bytes, at least ${leastMB}MB`,
  read: (value) => {
    const [, number, unit = ""] = /^(\d{1,15})(KB|MB|GB|TB)?$/.exec(value) ?? [];
    const bytes = Number(number) * (BYTES[unit] ?? Number.NaN);
    return bytes >= leastMB * 1e6 && Number.isSafeInteger(bytes) ? bytes : undefined;
  },
  fallback: { value: undefined },
});

const SPANS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  d: 24 * 3_600_000,
  y: 365 * 24 * 3_600_000,
};

/** A time in milliseconds that may be left out; at most 100 years. @param leastHours the shortest */
export const optionalSpan = (leastHours: number): Variable<number | undefined> => ({
  expected: `a time like 36h, 14d or 2y, at least ${leastHours}h`,
  read: (value) => {
    const [, number, unit = ""] = /^(\d{1,6})([hdy])$/.exec(value) ?? [];
    const ms = Number(number) * (SPANS[unit] ?? Number.NaN);
    return ms >= leastHours * 3_600_000 && ms <= 100 * 365 * 86_400_000 ? ms : undefined;
  },
  fallback: { value: undefined },
});

function whole(value: string, min: number, max: number): number | undefined {
  const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
  return number >= min && number <= max ? number : undefined;
}

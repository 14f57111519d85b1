import type { ErrorObject, ValidateFunction } from "ajv";

/** Every round takes something away; a file that needs more of them is beyond reading. */
const ROUNDS = 20;

/** What is left of a value when everything of wrong shape is taken out, so that the rest can be judged too. */
export function rightShape(
  value: object,
  validate: ValidateFunction,
  missing: Readonly<Record<string, unknown>>,
): object | undefined {
  const copy = { ...missing, ...(copyOf(value) as object) };
  for (let round = 0; round < ROUNDS; round++) {
    if (validate(copy)) return copy;
    for (const error of validate.errors ?? []) {
      const steps = stepsOf(error);
      if (steps.length > 0) remove(copy, steps);
    }
    for (const [key, standIn] of Object.entries(missing)) {
      if (!Object.hasOwn(copy, key)) Object.assign(copy, { [key]: standIn });
    }
  }
  return undefined;
}

function stepsOf({ instancePath, keyword, params }: ErrorObject): string[] {
  const steps = instancePath
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return keyword === "additionalProperties"
    ? [...steps, String((params as Record<string, unknown>)["additionalProperty"])]
    : steps;
}

/** Takes out what the steps lead to; of a list, the whole list, so that no index comes to mean another entry. */
function remove(root: object, steps: readonly string[]): void {
  let parent = root as Record<string, unknown>;
  for (const [index, step] of steps.entries()) {
    const next = Object.hasOwn(parent, step) ? parent[step] : undefined;
    if (index === steps.length - 1 || Array.isArray(next)) {
      delete parent[step];
      return;
    }
    if (typeof next !== "object" || next === null) return;
    parent = next as Record<string, unknown>;
  }
}

/** Not `structuredClone`, which keeps an alias one with its anchor: what is wrong in one place may be right in the other. */
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, copyOf(entry)]));
}

import { CATALOG } from "@outrider/contracts/catalog";
import { TOPIC_ROOT, type AnyContract } from "@outrider/contracts/contract";

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Whether a text may travel as a topic at all. Stricter than the standard: no control characters. */
export function isTopic(topic: string, maxLength: number): boolean {
  return (
    topic.length > 0 && topic.length <= maxLength && !/[+#]/.test(topic) && !CONTROL.test(topic)
  );
}

/**
 * The levels of a subscription filter, or undefined when it is none (MQTT 5.0, 4.7.1): `+` stands alone on its
 * level, `#` stands alone on the last.
 */
export function filterLevels(filter: string, maxLength: number): readonly string[] | undefined {
  if (filter.length === 0 || filter.length > maxLength || CONTROL.test(filter)) return undefined;
  const levels = filter.split("/");
  const wellFormed = levels.every(
    (level, index) =>
      level === "+" || (level === "#" && index === levels.length - 1) || !/[+#]/.test(level),
  );
  return wellFormed ? levels : undefined;
}

/** Whether some topic of a template is matched by a filter. `{parameter}` stands for any one level. */
export function mayMatch(filter: readonly string[], template: readonly string[]): boolean {
  for (const [index, level] of filter.entries()) {
    // `a/#` also matches `a`.
    if (level === "#") return index <= template.length;
    const other = template[index];
    if (other === undefined) return false;
    if (level !== "+" && level !== other && !other.startsWith("{")) return false;
  }
  return filter.length === template.length;
}

const TEMPLATES = CATALOG.map((contract) => ({
  contract,
  levels: (TOPIC_ROOT + contract.template).split("/"),
}));

/** The contracts of which a filter may match some topic. */
export function contractsBehind(filter: readonly string[]): readonly AnyContract[] {
  return TEMPLATES.filter(({ levels }) => mayMatch(filter, levels)).map(({ contract }) => contract);
}

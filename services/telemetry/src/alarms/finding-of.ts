import type { AlarmKind, AlarmSeverity } from "@outrider/contracts/telemetry";
import type { RuleKind } from "@outrider/contracts/telemetry-policy";
import type { Finding } from "./alarm.js";
import type { Said, Watch } from "./watch.js";

/** What a watch has found, as it is told. */
export function findingOf(
  { subject, id, name, rule }: Watch,
  { severity, said }: { readonly severity: AlarmSeverity; readonly said: Said },
): Finding {
  return { subject, id, rule: name, kind: kindOf(rule.kind), severity, ...said };
}

/** What people are told that an alarm is. */
function kindOf(kind: RuleKind): AlarmKind {
  switch (kind) {
    case "budget":
      return "threshold";
    case "away":
    case "service":
      return "silent";
    case "store":
    case "loss":
    case "delivery":
    case "panic":
    case "supply":
      return "fault";
    default:
      return kind;
  }
}

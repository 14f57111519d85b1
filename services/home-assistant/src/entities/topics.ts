import { topicOf, type Contract } from "@outrider/contracts/contract";
import type { HomeAssistantAvailability } from "@outrider/contracts/home-assistant";
import { nodeStatus } from "@outrider/contracts/node";
import { serviceStatus } from "@outrider/contracts/service";

/** Available while a service is there, whatever it says of itself. */
export function whileServed(service: string): HomeAssistantAvailability {
  return {
    topic: topicOf(serviceStatus, { service }),
    value_template: "{{ 'online' if value_json.state in ['ready', 'degraded'] else 'offline' }}",
  };
}

/** Available while whoever writes a topic is there. */
export function whileWritten({
  writers,
}: {
  readonly writers: readonly string[];
}): HomeAssistantAvailability {
  return whileServed(writers[0] ?? "");
}

/** Available while the node can be managed. It says nothing of whether the node lives: a hanging one can be switched. */
export function whileManaged(node: string): HomeAssistantAvailability {
  return {
    topic: topicOf(nodeStatus, { node }),
    value_template: "{{ 'online' if value_json.management == 'Available' else 'offline' }}",
  };
}

/** The topic of a node's contract. */
export function nodeTopic<T extends string>(contract: Contract<T, object>, node: string): string {
  return topicOf<string>(contract, { node });
}

/** A template's text for a word: `'n1'`. */
export function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** Looks a word up; any other, and a missing one, is nothing that Home Assistant knows. */
export function lookup(words: Readonly<Record<string, string>>, expression: string): string {
  const pairs = Object.entries(words).map(([word, is]) => `${quoted(word)}: ${quoted(is)}`);
  return `{{ {${pairs.join(", ")}}.get(${expression}, 'None') }}`;
}

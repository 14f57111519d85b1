import * as agent from "./agent.js";
import type { AnyContract } from "./contract.js";
import * as node from "./node.js";
import * as power from "./power.js";
import * as service from "./service.js";

function contractsOf(module: object): AnyContract[] {
  return Object.values(module).filter(
    (one): one is AnyContract =>
      typeof one === "object" && one !== null && "template" in one && "payload" in one,
  );
}

/** Every contract there is. The ACL, the topic reference and the schemas are made from this list. */
export const CATALOG: readonly AnyContract[] = [
  ...contractsOf(service),
  ...contractsOf(node),
  ...contractsOf(power),
  ...contractsOf(agent),
];

import { ROLE_RIGHTS } from "@outrider/contracts/identity";
import { HttpProblem } from "../http/problem.js";
import type { People, Subject } from "./people.js";

const LOOPBACK = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);

/** Whoever is on this machine, in the demonstration. */
export const DEMO_OPERATOR: Subject = {
  kind: "anonymous",
  name: "anonymous",
  role: "operator",
  rights: ROLE_RIGHTS.operator,
};

export function isLoopback(address: string): boolean {
  return LOOPBACK.has(address);
}

export function nobody(): never {
  throw new HttpProblem("unavailable", "the people of this site are not kept here");
}

/** Placeholder until the store of people is opened. */
export function demoPeople(): People {
  const known: Partial<People> = {
    may: (subject, right) =>
      subject.rights.includes(right) ? true : `${subject.name} does not have the right ${right}`,
    anonymous: (address) => (isLoopback(address) ? DEMO_OPERATOR : undefined),
    bearer: () => Promise.resolve(undefined),
    session: () => Promise.resolve(undefined),
    close: () => Promise.resolve(),
  };
  return new Proxy(known as People, {
    get: (target, name) => Reflect.get(target, name) ?? (() => nobody()),
  });
}

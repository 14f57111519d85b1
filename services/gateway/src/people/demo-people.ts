import { ROLE_RIGHTS } from "@outrider/contracts/identity";
import type { Admitted, People, Subject } from "./people.js";

const LOOPBACK = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);

const OPERATOR: Subject = {
  kind: "anonymous",
  name: "anonymous",
  role: "operator",
  rights: ROLE_RIGHTS.operator,
};

/** The demonstration: whoever is on this machine is an operator, and there is nobody else. */
export class DemoPeople implements People {
  may(subject: Subject, right: string): true | string {
    return (subject.rights as readonly string[]).includes(right)
      ? true
      : `${subject.name} does not have the right ${right}`;
  }

  anonymous(address: string): Subject | undefined {
    return LOOPBACK.has(address) ? OPERATOR : undefined;
  }

  bearer(): Promise<Admitted | undefined> {
    return Promise.resolve(undefined);
  }

  session(): Promise<Admitted | undefined> {
    return Promise.resolve(undefined);
  }
}

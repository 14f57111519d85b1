import {
  openDriver,
  type Driver,
  type DriverContext,
  type PortKind,
  type Ports,
} from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { loadDriver } from "./registry.js";

/** How an endpoint says what it is: a driver, its options, and the drivers of what that driver needs. */
export interface Declared {
  readonly driver: string;
  readonly options: unknown;
  readonly needs?: Readonly<Record<string, { readonly driver: string; readonly options: unknown }>>;
}

/** A driver's port with all that it is made of. Disposing closes the port first, then what it needed. */
export interface Opened<P extends PortKind> extends AsyncDisposable {
  readonly driver: Driver<P>;
  readonly port: Ports[P];
}

/**
 * Loads the drivers that are declared and opens them, what is needed first. Nothing stays open when it fails.
 * @param root where the drivers are; missing: beside this file
 * @throws PortError `unsupported`: there is no such driver · `invalid-options`: a need is missing, unknown or has wrong
 *   options · what a driver throws
 */
export async function openDeclared<P extends PortKind>(
  kind: P,
  declared: Declared,
  context: DriverContext,
  root?: URL,
): Promise<Opened<P>> {
  const driver = await loadDriver(kind, declared.driver, root);
  const needs = driver.needs ?? {};
  const name = `the driver ${kind}/${declared.driver}`;
  for (const unknown of Object.keys(declared.needs ?? {})) {
    if (Object.hasOwn(needs, unknown)) continue;
    const known = Object.keys(needs).join(", ");
    throw invalid(
      `needs.${unknown}: ${name} needs ${known === "" ? "nothing" : `${known} and nothing else`}.`,
    );
  }
  await using opened = new AsyncDisposableStack();
  const given: Record<string, Ports[PortKind]> = {};
  for (const [need, { port: needed, optional, untouched, summary }] of Object.entries(needs)) {
    const part = declared.needs?.[need];
    if (part === undefined) {
      if (optional) continue;
      throw invalid(`needs.${need} is missing: ${name} needs a ${needed} that ${summary}.`);
    }
    const inner = await loadDriver(needed, part.driver, root);
    if (Object.values(inner.needs ?? {}).some((each) => each.optional === undefined)) {
      throw invalid(
        `needs.${need}: the driver ${needed}/${part.driver} needs others itself, and cannot be a part.`,
      );
    }
    if (untouched && setsAtOpening(part.options)) {
      throw invalid(
        `needs.${need}.options.initial: it would be set at each start of the agent and each change of the options, whatever the node does; ${name} leaves its ${needed} as it is. Leave initial out.`,
      );
    }
    given[need] = opened.use(await openDriver(inner, part.options, context));
  }
  const port = opened.use(await openDriver(driver, declared.options, context, given));
  const all = opened.move();
  return { driver, port, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function setsAtOpening(options: unknown): boolean {
  return typeof options === "object" && options !== null && Object.hasOwn(options, "initial");
}

function invalid(what: string): PortError {
  return new PortError("invalid-options", `${what} Correct the endpoint in the site file.`);
}

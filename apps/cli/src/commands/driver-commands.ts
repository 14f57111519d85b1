import { ID_PATTERN, PORT_KINDS } from "@outrider/contracts/ids";
import { InvalidArgumentError, type Command } from "commander";
import type { Cli } from "../cli.js";
import { driverLines, DRIVERS, type DriverRow } from "../driver-rows.js";
import { EXIT } from "../exit-code.js";
import { outputOption } from "../options.js";
import { showList, type Format } from "../output.js";

interface Wanted {
  readonly port?: string | undefined;
  readonly driver?: string | undefined;
}

export function addDriverCommands(program: Command, cli: Cli): void {
  program
    .command("drivers")
    .description(
      "what agents can drive, and what each driver was tried against; of one: its options, needs and an example",
    )
    .argument(
      "[port/driver]",
      "a port such as power, or a driver such as power/snmp-poe, or snmp-poe of all ports",
      wanted,
    )
    .addOption(outputOption())
    .action((only: Wanted | undefined, { output }: { output: Format }) =>
      cli.online(async (api) => {
        const query = { port: only?.port, driver: only?.driver };
        const { drivers } = await api.get<{ drivers: DriverRow[] }>("/drivers", query);
        if (drivers.length === 0) {
          const what = [only?.port, only?.driver].filter((one) => one !== undefined).join("/");
          cli.console.error(
            `outrider: no agent has such a driver${what && ` ${what}`}; \`outrider drivers\` lists those there are`,
          );
          return EXIT.precondition;
        }
        if (output === "table" && only?.driver !== undefined) {
          cli.console.out(drivers.map((row) => driverLines(row).join("\n")).join("\n\n"));
        } else showList(drivers, output, DRIVERS, cli.console);
        return EXIT.verified;
      }),
    );
}

function wanted(text: string): Wanted {
  const [port = "", driver, more] = text.split("/");
  if (driver === undefined && ID_PATTERN.test(port) && !isPort(port)) return { driver: port };
  if (!isPort(port)) {
    throw new InvalidArgumentError(
      `Expected the name of a driver, or one of ${PORT_KINDS.join(", ")}.`,
    );
  }
  if (driver === "" || more !== undefined) {
    throw new InvalidArgumentError("Expected a port and a driver, such as power/snmp-poe.");
  }
  return { port, driver };
}

const isPort = (text: string): boolean => (PORT_KINDS as readonly string[]).includes(text);

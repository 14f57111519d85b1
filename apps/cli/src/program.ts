import { Command, Option } from "commander";
import type { Cli } from "./cli.js";
import { addAgentCommands } from "./commands/agent-commands.js";
import { addAlarmCommands } from "./commands/alarm-commands.js";
import { addAuditCommands } from "./commands/audit-commands.js";
import { addCompletionCommands } from "./commands/completion-commands.js";
import { addConsoleCommands } from "./commands/console-commands.js";
import { addContextCommands } from "./commands/context-commands.js";
import { addDescribeCommands } from "./commands/describe-commands.js";
import { addDoctorCommand } from "./commands/doctor-commands.js";
import { addDriverCommands } from "./commands/driver-commands.js";
import { addEventCommands } from "./commands/event-commands.js";
import { addGetCommands } from "./commands/get-commands.js";
import { addLockCommands } from "./commands/lock-commands.js";
import { addNodeSetCommands } from "./commands/node-set-commands.js";
import { addPeopleCommands } from "./commands/people-commands.js";
import { addPowerCommands } from "./commands/power-commands.js";
import { addIdentifyCommands } from "./commands/identify-commands.js";
import { addSensorCommands } from "./commands/sensor-commands.js";
import { addSiteCommands } from "./commands/site-commands.js";
import { addTransitionCommands } from "./commands/transition-commands.js";
import { addWatchCommand } from "./commands/watch-commands.js";
import { VERSION } from "./version.js";

const EPILOGUE = `
Environment: OUTRIDER_URL (http://127.0.0.1:8080), OUTRIDER_TOKEN or OUTRIDER_TOKEN_FILE; without them, the
  context that is chosen in $XDG_CONFIG_HOME/outrider/config.yaml
Exit codes: 0 done and verified, 1 error, 2 usage, 3 some nodes only, 4 not allowed, 5 locked, busy, not there
  or not possible in this state, 6 timed out or not known, 7 unreachable, 130 interrupted`;

/** The command line. Parsing it runs the command. */
export function createProgram(cli: Cli): Command {
  const program = new Command("outrider")
    .description("Out-of-band management for clusters of small computers.")
    .version(VERSION)
    .addOption(
      new Option("--context <name>", "the gateway to ask, of those in the configuration file"),
    )
    .addHelpText("after", EPILOGUE);
  addPowerCommands(program, cli);
  addGetCommands(program, cli);
  addDescribeCommands(program, cli);
  addWatchCommand(program, cli);
  addSensorCommands(program, cli);
  addAlarmCommands(program, cli);
  addEventCommands(program, cli);
  addConsoleCommands(program, cli);
  addTransitionCommands(program, cli);
  addLockCommands(program, cli);
  addSiteCommands(program, cli);
  addIdentifyCommands(program, cli);
  addAgentCommands(program, cli);
  addDriverCommands(program, cli);
  addNodeSetCommands(program, cli);
  addPeopleCommands(program, cli);
  addAuditCommands(program, cli);
  addContextCommands(program, cli);
  addDoctorCommand(program, cli);
  addCompletionCommands(program, cli);
  return program;
}

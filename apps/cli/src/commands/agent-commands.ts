import type { DetectSwitch } from "@outrider/contracts/agent-request";
import type { DetectedEndpoints, TestedEndpoint } from "@outrider/contracts/endpoints";
import { isEndpointId } from "@outrider/contracts/ids";
import { SECRET_FILE } from "@outrider/contracts/secret";
import {
  SNMP_AUTH_PROTOCOLS,
  SNMP_PRIVACY_PROTOCOLS,
  SNMP_USER,
  type SnmpAuthProtocol,
  type SnmpPrivacyProtocol,
} from "@outrider/contracts/snmp";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { Cli } from "../cli.js";
import { EXIT, type ExitCode } from "../exit-code.js";
import { outputOption } from "../options.js";
import { showOne, type Format } from "../output.js";
import { plain } from "../plain.js";
import { proposedSite } from "../site-lines.js";

interface DetectGiven {
  readonly switch?: readonly string[];
  readonly communityFile?: string;
  readonly udpPort?: number;
  readonly snmpUser?: string;
  readonly authKeyFile?: string;
  readonly authProtocol?: SnmpAuthProtocol;
  readonly privacyKeyFile?: string;
  readonly privacyProtocol?: SnmpPrivacyProtocol;
  readonly output: "site" | "json";
}

export function addAgentCommands(program: Command, cli: Cli): void {
  const agent = program
    .command("agent")
    .description("what an agent could drive, and whether what is declared works");
  const detecting = agent.command("detect");
  detecting
    .description(
      "ask an agent what could be declared on it; prints lines for the site file, each with why, and declares nothing",
    )
    .argument("<agent>", "id of the agent")
    .addOption(
      new Option(
        "--switch <host...>",
        "PoE switches to ask, by SNMP, behind which of their ports the site's nodes are",
      ),
    )
    .addOption(
      new Option(
        "--community-file <path>",
        "file on the agent's host with the switches' SNMP community; without it public",
      )
        .argParser(secretFile)
        .conflicts("snmpUser"),
    )
    .addOption(
      new Option(
        "--udp-port <port>",
        "where the switches listen for SNMP; without it 161",
      ).argParser(udpPort),
    )
    .addOption(
      new Option(
        "--snmp-user <name>",
        "the switches' user of SNMP version 3, which is asked with then instead of 2c",
      ).argParser(snmpUser),
    )
    .addOption(
      new Option(
        "--auth-key-file <path>",
        "file on the agent's host with the password that the user proves itself with",
      ).argParser(secretFile),
    )
    .addOption(
      new Option("--auth-protocol <name>", "how; without it sha256").choices(SNMP_AUTH_PROTOCOLS),
    )
    .addOption(
      new Option(
        "--privacy-key-file <path>",
        "file on the agent's host with the password that is encrypted with",
      ).argParser(secretFile),
    )
    .addOption(
      new Option("--privacy-protocol <name>", "how; without it aes").choices(
        SNMP_PRIVACY_PROTOCOLS,
      ),
    )
    .addOption(
      new Option("-o, --output <format>", "how to print").choices(["site", "json"]).default("site"),
    )
    .action((id: string, given: DetectGiven) => {
      const why = unusable(given);
      if (why !== undefined) detecting.error(`error: ${why}`);
      return detect(id, given, cli);
    });
  agent
    .command("test")
    .description("exercise one endpoint without touching what its node does, and say what was seen")
    .argument("<endpoint>", "endpoint, such as n1.power or n1.sensor.board", endpoint)
    .addOption(outputOption())
    .action((id: string, { output }: { output: Format }) => test(id, output, cli));
}

function detect(id: string, given: DetectGiven, { online, console }: Cli): Promise<void> {
  return online(async (api) => {
    const login = loginOf(given);
    const switches = given.switch?.map((host) => ({ host, ...login }));
    console.progress(`${id} looks …`);
    const path = `/agents/${encodeURIComponent(id)}/detect`;
    const { found } = await api.post<DetectedEndpoints>(path, switches ? { switches } : {});
    const { proposals, problems, looked = [] } = found;
    for (const { detector, message } of problems) {
      console.error(plain(`outrider: ${detector} could not look: ${message}`));
    }
    if (given.output === "json") console.out(JSON.stringify(found, undefined, 2));
    else if (proposals.length > 0) {
      console.out(
        `# What agent ${plain(id)} proposes. Nothing of it is declared: look, name, put it into the site file.`,
      );
      for (const line of proposedSite(id, proposals)) console.out(line);
      if (looked.length > 0) console.out("# Looked at:");
      for (const line of looked) console.out(plain(`#   ${line.detector}: ${line.what}`));
    } else {
      console.error(`outrider: agent ${plain(id)} found nothing that could be declared`);
      for (const line of looked) console.error(plain(`  looked at ${line.detector}: ${line.what}`));
    }
    return foundExit(proposals.length, problems.length);
  });
}

/** The words of a login that cannot be meant, before anybody is asked. */
function unusable(given: DetectGiven): string | undefined {
  const { snmpUser: user, authKeyFile, privacyKeyFile, authProtocol, privacyProtocol } = given;
  if (given.switch === undefined && Object.keys(loginOf(given)).length > 0) {
    return "a login is of use only with --switch";
  }
  if (user === undefined && (authKeyFile ?? privacyKeyFile) !== undefined) {
    return "keys are those of a user: give --snmp-user";
  }
  if (authProtocol !== undefined && authKeyFile === undefined) {
    return "--auth-protocol is that of a key: give --auth-key-file";
  }
  if (privacyProtocol !== undefined && privacyKeyFile === undefined) {
    return "--privacy-protocol is that of a key: give --privacy-key-file";
  }
  if (privacyKeyFile !== undefined && authKeyFile === undefined) {
    return "--privacy-key-file needs an --auth-key-file, too (RFC 3411)";
  }
  return undefined;
}

/** References only: what the files hold never comes here. */
function loginOf(given: DetectGiven): Omit<DetectSwitch, "host"> {
  const { communityFile, authKeyFile, privacyKeyFile, authProtocol, privacyProtocol } = given;
  const port = given.udpPort;
  const user = given.snmpUser;
  return {
    ...(port === undefined ? {} : { udpPort: port }),
    ...(communityFile === undefined ? {} : { community: { file: communityFile } }),
    ...(user === undefined ? {} : { user }),
    ...(authProtocol === undefined ? {} : { authProtocol }),
    ...(authKeyFile === undefined ? {} : { authKey: { file: authKeyFile } }),
    ...(privacyProtocol === undefined ? {} : { privProtocol: privacyProtocol }),
    ...(privacyKeyFile === undefined ? {} : { privKey: { file: privacyKeyFile } }),
  };
}

function foundExit(proposals: number, problems: number): ExitCode {
  if (problems > 0) return proposals > 0 ? EXIT.partial : EXIT.error;
  return proposals > 0 ? EXIT.verified : EXIT.precondition;
}

function test(id: string, output: Format, { online, console }: Cli): Promise<void> {
  return online(async (api) => {
    console.progress(`${id} is tried …`);
    const tested = await api.post<TestedEndpoint>(`/endpoints/${encodeURIComponent(id)}/test`);
    const { endpoint: of, port, driver, agent, result } = tested;
    if (output !== "table") showOne(tested, output, of, console);
    else {
      const verdict = result.ok ? "works, as far as could be tried" : "does not work";
      console.out(plain(`${of} (${port}/${driver} on ${agent}) ${verdict}`));
      for (const { ok, what } of result.findings) {
        console.out(plain(`  ${ok ? "ok    " : "FAILED"} ${what}`));
      }
    }
    return result.ok ? EXIT.verified : EXIT.error;
  });
}

function endpoint(text: string): string {
  if (isEndpointId(text)) return text;
  throw new InvalidArgumentError("Expected NODE.INTERFACE, such as n1.power or n1.sensor.board.");
}

function secretFile(text: string): string {
  if (SECRET_FILE.test(text)) return text;
  throw new InvalidArgumentError("Expected an absolute path on the agent's host.");
}

function snmpUser(text: string): string {
  if (SNMP_USER.test(text)) return text;
  throw new InvalidArgumentError("Expected a name of up to 32 characters without spaces.");
}

function udpPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError("Expected a port from 1 to 65535.");
}

import type { DetectedEndpoints, TestedEndpoint } from "@outrider/contracts/endpoints";
import { isEndpointId } from "@outrider/contracts/ids";
import { SECRET_FILE } from "@outrider/contracts/secret";
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
  readonly output: "site" | "json";
}

export function addAgentCommands(program: Command, cli: Cli): void {
  const agent = program
    .command("agent")
    .description("what an agent could drive, and whether what is declared works");
  agent
    .command("detect")
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
      ).argParser(secretFile),
    )
    .addOption(
      new Option("-o, --output <format>", "how to print").choices(["site", "json"]).default("site"),
    )
    .action((id: string, given: DetectGiven) => detect(id, given, cli));
  agent
    .command("test")
    .description("exercise one endpoint without touching what its node does, and say what was seen")
    .argument("<endpoint>", "endpoint, such as n1.power or n1.sensor.board", endpoint)
    .addOption(outputOption())
    .action((id: string, { output }: { output: Format }) => test(id, output, cli));
}

function detect(id: string, given: DetectGiven, { online, console }: Cli): Promise<void> {
  return online(async (api) => {
    const community =
      given.communityFile === undefined ? {} : { community: { file: given.communityFile } };
    const switches = given.switch?.map((host) => ({ host, ...community }));
    console.progress(`${id} looks …`);
    const path = `/agents/${encodeURIComponent(id)}/detect`;
    const { found } = await api.post<DetectedEndpoints>(path, switches ? { switches } : {});
    const { proposals, problems } = found;
    for (const { detector, message } of problems) {
      console.error(plain(`outrider: ${detector} could not look: ${message}`));
    }
    if (given.output === "json") console.out(JSON.stringify(found, undefined, 2));
    else if (proposals.length > 0) {
      console.out(
        `# What agent ${plain(id)} proposes. Nothing of it is declared: look, name, put it into the site file.`,
      );
      for (const line of proposedSite(id, proposals)) console.out(line);
    } else console.error(`outrider: agent ${plain(id)} found nothing that could be declared`);
    return foundExit(proposals.length, problems.length);
  });
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

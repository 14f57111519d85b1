import type { Command, Option } from "commander";
import { createProgram } from "./program.js";
import type { Console } from "./console.js";

const HEAD = `# \`outrider\`: all commands

Generated from the program by \`npm run reference\`. How to use them: [command-line.md](../command-line.md).
`;

/** The reference of the command line, as it stands in \`docs/reference/cli.md\`. */
export function cliReference(): string {
  const nothing = (): Promise<void> => Promise.resolve();
  const program = createProgram({
    console: {} as Console,
    environment: {},
    online: nothing,
    offline: nothing,
  });
  const everywhere = program.options.filter(({ long }) => long !== "--version");
  return [
    HEAD,
    `Every command takes ${everywhere.map(optionText).join(", ")} before its name, and \`--help\`.\n`,
    ...program.commands.filter(isPublic).flatMap((command) => section(command, "outrider")),
  ].join("\n");
}

function section(command: Command, prefix: string): string[] {
  const name = `${prefix} ${command.name()}`;
  if (command.commands.length > 0) {
    const inner = command.commands.filter(isPublic).flatMap((one) => section(one, name));
    return prefix === "outrider" ? [`## \`${name}\`\n\n${sentence(command)}\n`, ...inner] : inner;
  }
  const words = command.registeredArguments.map((argument) => {
    const text = argument.variadic ? `${argument.name()}...` : argument.name();
    return argument.required ? ` <${text}>` : ` [${text}]`;
  });
  const options = command.options.map((option) => `- ${optionText(option)}`);
  const level = prefix === "outrider" ? "##" : "###";
  return [
    `${level} \`${name}${words.join("")}\`\n\n${sentence(command)}\n`,
    ...options,
    ...(options.length > 0 ? [""] : []),
  ];
}

function optionText({
  flags,
  description,
  argChoices,
  defaultValue,
  defaultValueDescription,
  mandatory,
}: Option): string {
  const choices = argChoices ? `: ${argChoices.join(", ")}` : "";
  const told =
    defaultValueDescription ?? (defaultValue === undefined ? undefined : String(defaultValue));
  const fallback =
    told === undefined || typeof defaultValue === "boolean" ? "" : `; default \`${told}\``;
  return `\`${flags}\` ${description}${choices}${mandatory ? "; needed" : ""}${fallback}`;
}

function sentence(command: Command): string {
  const text = command.description();
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function isPublic(command: Command): boolean {
  return !command.name().startsWith("__");
}

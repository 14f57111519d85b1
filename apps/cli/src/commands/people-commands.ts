import { RIGHTS, ROLES } from "@outrider/contracts/identity";
import { readFile } from "node:fs/promises";
import { EnvironmentError } from "@outrider/contracts/environment";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { Api } from "../api.js";
import type { Cli } from "../cli.js";
import { confirmed } from "../confirm.js";
import { EXIT, type ExitCode } from "../exit-code.js";
import { integer, outputOption, yesOption } from "../options.js";
import { agoText, showList, showOne, type Columns, type Format } from "../output.js";
import { plain } from "../plain.js";
import type { IssuedToken } from "../sign-in.js";

interface User {
  readonly name: string;
  readonly displayName: string;
  readonly role: string;
  readonly rights: readonly string[];
  readonly nodes?: string;
  readonly disabled: boolean;
}

interface Credential {
  readonly id: string;
  readonly name: string;
  readonly rights?: readonly string[];
  readonly createdAt?: string;
  readonly addedAt?: string;
  readonly expiresAt?: string;
  readonly lastUsedAt?: string;
  readonly type?: string;
  readonly fingerprint?: string;
}

const USERS: Columns<User> = {
  things: "users",
  head: ["USER", "NAME", "ROLE", "RIGHTS", "NODES", "STATE"],
  name: ({ name }) => name,
  row: ({ name, displayName, role, rights, nodes, disabled }) => [
    name,
    displayName,
    role,
    rights.join(",") || "-",
    nodes ?? "all",
    disabled ? "disabled" : "",
  ],
};
const TOKENS: Columns<Credential> = {
  things: "tokens",
  head: ["TOKEN", "NAME", "RIGHTS", "AGE", "USED", "EXPIRES"],
  name: ({ id }) => id,
  row: ({ id, name, rights = [], createdAt, lastUsedAt, expiresAt }) => [
    id,
    name,
    rights.join(","),
    agoText(createdAt, new Date()),
    agoText(lastUsedAt, new Date()) || "never",
    expiresAt ?? "never",
  ],
};
const KEYS: Columns<Credential> = {
  things: "keys",
  head: ["KEY", "NAME", "TYPE", "FINGERPRINT", "AGE"],
  name: ({ id }) => id,
  row: ({ id, name, type = "", fingerprint = "", addedAt }) => [
    id,
    name,
    type,
    fingerprint,
    agoText(addedAt, new Date()),
  ],
};

interface UserOptions {
  readonly displayName?: string;
  readonly role?: string;
  readonly rights?: string[];
  readonly nodes?: string;
  readonly disable?: boolean;
  readonly enable?: boolean;
}

export function addPeopleCommands(program: Command, cli: Cli): void {
  addUserCommands(program.command("user").description("who can sign in"), cli);
  addCredentials(
    program.command("token").description("what programs show in the place of a password"),
    "tokens",
    cli,
  )
    .command("add")
    .description("make a token; it is shown once")
    .argument("<name>", "what it is for")
    .addOption(ownerOption())
    .addOption(rightsOption())
    .addOption(
      new Option("--days <n>", "good for so long; default: for ever").argParser(integer(1, 3650)),
    )
    .addOption(outputOption())
    .action(
      (
        name: string,
        options: { user?: string; rights?: string[]; days?: number; output: Format },
      ) =>
        cli.online(async (api) => {
          const { user, rights, days, output } = options;
          const issued = await api.post<IssuedToken>(`${await ownerPath(api, user)}/tokens`, {
            name,
            rights,
            days,
          });
          if (output === "table") cli.console.out(plain(issued.token));
          else showOne(issued, output, issued.id, cli.console);
          return EXIT.verified;
        }),
    );
  addCredentials(program.command("key").description("SSH keys"), "keys", cli)
    .command("add")
    .description("add a public key")
    .argument("<name>", "whose or what machine's it is")
    .requiredOption(
      "-f, --file <file>",
      "the public key, such as ~/.ssh/id_ed25519.pub; - for standard input",
    )
    .addOption(ownerOption())
    .addOption(outputOption())
    .action(
      (name: string, { user, file, output }: { user?: string; file: string; output: Format }) =>
        cli.online(async (api) => {
          const key = (file === "-" ? await cli.console.input() : await keyText(file)).trim();
          const added = await api.post<Credential>(`${await ownerPath(api, user)}/keys`, {
            name,
            key,
          });
          showOne(added, output, added.id, cli.console);
          return EXIT.verified;
        }),
    );
}

function addUserCommands(group: Command, cli: Cli): void {
  const { console } = cli;
  group
    .command("list")
    .description("all of them")
    .addOption(outputOption())
    .action(({ output }: { output: Format }) =>
      cli.online(async (api) => {
        showList((await api.get<{ users: User[] }>("/users")).users, output, USERS, console);
        return EXIT.verified;
      }),
    );
  described(group.command("add").description("add a user, who gets a one-time password"))
    .addOption(
      new Option("--role <role>", "what the user may").choices(ROLES).makeOptionMandatory(),
    )
    .action((name: string, { displayName, role, rights, nodes }: UserOptions) =>
      cli.online(async (api) => {
        const body = { name, displayName, role, rights, nodes };
        const { password } = await api.post<{ password: string }>("/users", body);
        console.out(plain(`${name}: one-time password: ${password}`));
        return EXIT.verified;
      }),
    );
  described(group.command("change").description("change what is given"))
    .addOption(new Option("--role <role>", "what the user may").choices(ROLES))
    .option("--disable", "let the user in no more")
    .option("--enable", "let the user in again")
    .action((name: string, { displayName, role, rights, nodes, disable, enable }: UserOptions) =>
      cli.online(async (api) => {
        const disabled = disable ? true : enable ? false : undefined;
        const body = { displayName, role, rights, nodes, disabled };
        await api.ask("PUT", `/users/${encodeURIComponent(name)}`, { body });
        console.out(plain(`${name}: changed`));
        return EXIT.verified;
      }),
    );
  group
    .command("remove")
    .description("remove a user with all tokens, keys and sessions")
    .argument("<name>", "who signs in")
    .addOption(yesOption())
    .action((name: string, { yes = false }: { yes?: boolean }) =>
      cli.online(async (api) => {
        if (!yes && !(await confirmed(plain(`${name} can sign in no more`), console)))
          return EXIT.usage;
        await api.delete(`/users/${encodeURIComponent(name)}`);
        console.out(plain(`${name}: removed`));
        return EXIT.verified;
      }),
    );
  group
    .command("reset-password")
    .description("replace a password by a one-time one, and end the user's sessions")
    .argument("<name>", "who signs in")
    .action((name: string) =>
      cli.online(async (api) => {
        const path = `/users/${encodeURIComponent(name)}/password`;
        const { password } = await api.post<{ password: string }>(path);
        console.out(plain(`${name}: one-time password: ${password}`));
        return EXIT.verified;
      }),
    );
}

function described(command: Command): Command {
  return command
    .argument("<name>", "who signs in")
    .option("--display-name <text>", "as people write it")
    .addOption(rightsOption())
    .option("--nodes <nodeset>", "the only nodes that the user sees; empty: all");
}

/** `list` and `remove` of what a user has. */
function addCredentials(group: Command, what: "tokens" | "keys", cli: Cli): Command {
  const columns = what === "tokens" ? TOKENS : KEYS;
  group
    .command("list")
    .description("those of a user")
    .addOption(ownerOption())
    .addOption(outputOption())
    .action(({ user, output }: { user?: string; output: Format }) =>
      cli.online(async (api) => {
        const found = await api.get<Record<typeof what, Credential[]>>(
          `${await ownerPath(api, user)}/${what}`,
        );
        showList(found[what], output, columns, cli.console);
        return EXIT.verified;
      }),
    );
  group
    .command(what === "tokens" ? "revoke" : "remove")
    .description("take one away; what uses it is let in no more")
    .argument("<id>", "its id, as `list` shows it")
    .addOption(ownerOption())
    .action((id: string, { user }: { user?: string }) =>
      cli.online(async (api): Promise<ExitCode> => {
        await api.delete(`${await ownerPath(api, user)}/${what}/${encodeURIComponent(id)}`);
        cli.console.out(plain(`${id}: gone`));
        return EXIT.verified;
      }),
    );
  return group;
}

function ownerOption(): Option {
  return new Option("-u, --user <name>", "whose; default: one's own");
}

function rightsOption(): Option {
  return new Option("--rights <rights>", `with commas between them: ${RIGHTS.join(",")}`).argParser(
    (text) => {
      const rights = text.split(",").map((one) => one.trim());
      const wrong = rights.find((right) => !(RIGHTS as readonly string[]).includes(right));
      if (wrong !== undefined) throw new InvalidArgumentError(`${wrong} is no right.`);
      return rights;
    },
  );
}

async function ownerPath(api: Api, user: string | undefined): Promise<string> {
  const name = user ?? (await api.get<{ name: string }>("/session")).name;
  return `/users/${encodeURIComponent(name)}`;
}

async function keyText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new EnvironmentError([
      `${file}: ${error instanceof Error ? error.message : "cannot be read"}`,
    ]);
  }
}

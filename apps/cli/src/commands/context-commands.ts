import { hostname } from "node:os";
import { EnvironmentError } from "@outrider/contracts/environment";
import type { Command } from "commander";
import { Api } from "../api.js";
import type { Cli } from "../cli.js";
import {
  CONTEXT_NAME,
  isHttp,
  readContexts,
  targetOf,
  writeContexts,
  type Context,
} from "../contexts.js";
import { EXIT } from "../exit-code.js";
import { integer, outputOption } from "../options.js";
import { showList, showOne, type Columns, type Format } from "../output.js";
import { plain } from "../plain.js";
import { signIn } from "../sign-in.js";

interface ContextRow {
  readonly name: string;
  readonly current: boolean;
  readonly url: string;
  readonly user: string;
}

const CONTEXTS: Columns<ContextRow> = {
  things: "contexts",
  head: ["", "CONTEXT", "URL", "USER"],
  name: ({ name }) => name,
  row: ({ name, current, url, user }) => [current ? "*" : "", name, url, user],
};

export function addContextCommands(program: Command, cli: Cli): void {
  const { console, environment } = cli;
  program
    .command("login")
    .description("sign in with a password, and keep a token for this machine")
    .argument("<user>", "who signs in")
    .argument("[url]", "the gateway; default: the one in use")
    .option("--name <context>", "what to call it", "default")
    .option("--days <n>", "how long the token is good for", integer(1, 3650), 90)
    .option("--password-stdin", "read the password from standard input")
    .action((user: string, url: string | undefined, options: LoginOptions) =>
      cli.offline(async () => {
        const { name, days, passwordStdin = false } = options;
        checkName(name);
        const { context } = program.opts<{ readonly context?: string }>();
        const at = url ?? targetOf(environment, context).url;
        checkUrl(at);
        const token = await signIn(
          new Api({ url: at.replace(/\/+$/, ""), name }, console.interrupted),
          console,
          {
            user,
            tokenName: `outrider on ${hostname()}`,
            days,
            passwordStdin,
          },
        );
        if (token === undefined) return EXIT.usage;
        const known = readContexts(environment);
        const context_: Context = { url: at, user, token: token.token, tokenId: token.id };
        const path = writeContexts(environment, {
          current: name,
          contexts: { ...known.contexts, [name]: context_ },
        });
        console.out(
          plain(`signed in to ${at} as ${user}; the token is in ${path}, context ${name}`),
        );
        return EXIT.verified;
      }),
    );
  program
    .command("logout")
    .description("revoke the token of the context, and forget it")
    .action(() =>
      cli.online(async (api) => {
        const known = readContexts(environment);
        const name = program.opts<{ readonly context?: string }>().context ?? known.current ?? "";
        const context = known.contexts[name];
        if (!context)
          throw new EnvironmentError(["no context is chosen; see `outrider context list`"]);
        const { token: _token, tokenId, ...rest } = context;
        if (context.user !== undefined && tokenId !== undefined) {
          await api.delete(
            `/users/${encodeURIComponent(context.user)}/tokens/${encodeURIComponent(tokenId)}`,
          );
        }
        writeContexts(environment, { ...known, contexts: { ...known.contexts, [name]: rest } });
        console.out(plain(`signed out of ${context.url}`));
        return EXIT.verified;
      }),
    );
  program
    .command("whoami")
    .description("who the gateway takes you for, and what you may do")
    .addOption(outputOption())
    .action(({ output }: { output: Format }) =>
      cli.online(async (api) => {
        const session = await api.get<{ name: string }>("/session");
        showOne(session, output, session.name, console);
        return EXIT.verified;
      }),
    );
  const group = program.command("context").description("gateways that are known by name");
  group
    .command("list")
    .description("all of them; * marks the one in use")
    .addOption(outputOption())
    .action(({ output }: { output: Format }) =>
      cli.offline(() => {
        const { current, contexts } = readContexts(environment);
        const rows = Object.entries(contexts).map(([name, { url, user, token, tokenFile }]) => {
          const who = user ?? (token || tokenFile ? "(by token)" : "-");
          return { name, current: name === current, url, user: who };
        });
        showList(rows, output, CONTEXTS, console);
        return EXIT.verified;
      }),
    );
  group
    .command("use")
    .description("choose one")
    .argument("<name>", "name of the context")
    .action((name: string) =>
      cli.offline(() => {
        const known = readContexts(environment);
        if (!Object.hasOwn(known.contexts, name)) {
          throw new EnvironmentError([
            `there is no context ${name}; \`outrider context list\` shows them`,
          ]);
        }
        writeContexts(environment, { ...known, current: name });
        return EXIT.verified;
      }),
    );
  group
    .command("set")
    .description("add or change one; the first one is chosen")
    .argument("<name>", "name of the context")
    .requiredOption("--url <url>", "where its gateway is")
    .option("--token-file <file>", "a file that holds a token")
    .action((name: string, { url, tokenFile }: { url: string; tokenFile?: string }) =>
      cli.offline(() => {
        checkName(name);
        checkUrl(url);
        const known = readContexts(environment);
        const context = { url, ...(tokenFile === undefined ? {} : { tokenFile }) };
        writeContexts(environment, {
          current: known.current ?? name,
          contexts: { ...known.contexts, [name]: context },
        });
        return EXIT.verified;
      }),
    );
  group
    .command("delete")
    .description("forget one")
    .argument("<name>", "name of the context")
    .action((name: string) =>
      cli.offline(() => {
        const { current, contexts } = readContexts(environment);
        const { [name]: gone, ...rest } = contexts;
        if (!gone) throw new EnvironmentError([`there is no context ${name}`]);
        const chosen = current === name ? undefined : current;
        writeContexts(environment, {
          contexts: rest,
          ...(chosen === undefined ? {} : { current: chosen }),
        });
        return EXIT.verified;
      }),
    );
}

interface LoginOptions {
  readonly name: string;
  readonly days: number;
  readonly passwordStdin?: boolean;
}

function checkName(name: string): void {
  if (!CONTEXT_NAME.test(name)) {
    throw new EnvironmentError([
      `${JSON.stringify(name)}: expected a name of lower-case letters, digits, . _ -`,
    ]);
  }
}

function checkUrl(url: string): void {
  if (!isHttp(url))
    throw new EnvironmentError([
      `${JSON.stringify(url)}: expected a URL like http://127.0.0.1:8080`,
    ]);
}

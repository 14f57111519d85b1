import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startLab, type Lab } from "@outrider/gateway-service/testing/lab";
import { SlotClient } from "@outrider/simulators/spawn";
import { startNode, startProgram } from "@outrider/testing/child";
import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { findProgram, requirePeer } from "@outrider/testing/peers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasTerminal, Terminal } from "./terminal.js";

const CLI = import.meta.resolve("@outrider/cli/main");
const CTRL_C = "\u0003";

let lab: Lab;

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

function environment(of: Lab): Record<string, string> {
  return { OUTRIDER_URL: of.url, XDG_CONFIG_HOME: join(of.data, "..", "config") };
}

/** Runs `outrider …` where nobody can be asked. */
async function outrider(
  words: string | readonly string[],
  env?: Record<string, string>,
): Promise<Said> {
  const child = await startNode(CLI, {
    args: typeof words === "string" ? words.split(" ") : words,
    env: { ...environment(lab), ...env },
    ready: "none",
  });
  const { code } = await child.exited;
  return { code, out: child.lines.join("\n"), error: child.stderr() };
}

function terminal(words: string, of = lab): Terminal {
  return Terminal.run(CLI, words.split(" "), { ...process.env, ...environment(of) });
}

describe("the command line, against everything", () => {
  beforeAll(async () => {
    lab = await startLab({ nodes: 5 });
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());
  beforeRetry(async () => {
    // A command that was interrupted goes on, and so do locks.
    const ids = async (words: string): Promise<string[]> =>
      (await outrider(`${words} -o name`)).out.split("\n").filter((id) => id !== "");
    for (const id of await ids("get transitions --active")) {
      await outrider(`transition abort ${id}`);
      await outrider(`transition wait ${id}`);
    }
    for (const id of await ids("lock list")) await outrider(`lock release ${id}`);
    await outrider("power off n[1-5] -y");
  });

  test("acts on a node set, says who fared alike, and shows what was measured", async () => {
    expect(await outrider("power on n[1-3]")).toMatchObject({
      code: 0,
      out: "n[1-3]: Succeeded",
      error: "",
    });
    expect(await outrider("power cycle @storage")).toMatchObject({
      code: 0,
      out: "n[1-2]: Succeeded",
    });
    await eventually("all three are seen running", async () => {
      const { out } = await outrider("get nodes n[1-3]");
      return out.split("\n").filter((line) => /^n[123]\s+On\s+Running\b/.test(line)).length === 3;
    });
    const { out } = await outrider("power status rack=a -o json");
    expect(JSON.parse(out)).toHaveLength(5);
    expect((await outrider("get nodes @compute -o name")).out).toBe("n3\nn4\nn5");
    const mixed = await outrider("power off n1 n4 --expect On");
    expect(mixed).toMatchObject({ code: 3 });
    expect(mixed.out).toMatch(/^n1: Succeeded\nn4: Rejected\/expectation-failed: /);
  });

  test("ends with a number that scripts can use", async () => {
    const codes: Record<string, number | null> = {};
    for (const words of [
      "power on n1",
      "power explode n1",
      "power on",
      "power on n[1-",
      "power on nobody",
      "power on n1 --override",
      "user list",
      "identify n1",
      "describe transition nothing",
    ]) {
      codes[words] = (await outrider(words)).code;
    }
    expect(codes).toEqual({
      "power on n1": 0,
      "power explode n1": 2,
      "power on": 2,
      "power on n[1-": 2,
      "power on nobody": 5,
      "power on n1 --override": 2,
      "user list": 4,
      "identify n1": 5,
      "describe transition nothing": 5,
    });
    const away = await outrider("get nodes", { OUTRIDER_URL: "http://127.0.0.1:9" });
    expect([away.code, away.error]).toEqual([7, expect.stringContaining("OUTRIDER_URL")]);
  });

  test("asks nobody where nobody is, and does not act then", async () => {
    const rack = new SlotClient(lab.rack.listen);
    const before = await rack.edges();
    const { code, error } = await outrider("power cycle @all");
    expect([code, error]).toEqual([2, expect.stringContaining("-y")]);
    expect(await rack.edges()).toEqual(before);
    const plan = await outrider("power cycle @all --dry-run");
    expect([plan.code, plan.out]).toEqual([0, expect.stringContaining("Nothing was done.")]);
    expect(await rack.edges()).toEqual(before);
  });

  test("holds a lock while a command runs, and ends as it does", async () => {
    const script = 'test -n "$OUTRIDER_LOCK" && exit 9';
    const { code } = await outrider([
      "lock",
      "run",
      "n5",
      "--lease",
      "5s",
      "--",
      "sh",
      "-c",
      script,
    ]);
    expect(code).toBe(9);
    expect(await outrider("lock list")).toMatchObject({ code: 0, out: "" });
    const held = await outrider("lock acquire n5 --reason mine -o name");
    expect((await outrider(`lock release ${held.out}`)).code).toBe(0);
  });

  test("ends a command that has lost its lock", async () => {
    const script = "echo $OUTRIDER_LOCK; exec tail -f /dev/null";
    const running = outrider(["lock", "run", "n4", "--lease", "1h", "--", "sh", "-c", script]);
    const id = await eventually("the lock is held", async () => {
      const { out } = await outrider("lock list -o name");
      return out === "" ? undefined : out;
    });
    expect((await outrider(["lock", "break", id])).code).toBe(2);
    // To break locks is a right that nobody has here; to lose it this way is the same for the command.
    expect((await outrider(["lock", "release", id])).code).toBe(0);
    expect(await running).toMatchObject({
      code: 5,
      error: expect.stringContaining(`lock ${id} is Released`) as string,
    });
  });

  test.skipIf(!hasTerminal())("names nodes and effect, and acts only on yes", async () => {
    await using no = terminal("power cycle @all");
    await no.shows(/PowerCycle of 5 nodes: n\[1-5\]\. Type yes/);
    no.type("n\r");
    expect(await no.exited).toBe(2);
    expect(no.shown).toContain("nothing was done");
    await using yes = terminal("power on @all");
    expect(await yes.exited).toBe(0);
  });

  test.skipIf(!hasTerminal())(
    "tells on Ctrl-C what was accepted and how to look and abort",
    async () => {
      await using slow = terminal("power on n1 n2 --stagger 10m");
      await slow.shows(/1 of 2 done/);
      slow.type(CTRL_C);
      expect(await slow.exited).toBe(130);
      const id = /outrider transition abort (\S+)/.exec(slow.shown)?.[1] ?? "";
      expect(slow.shown).toContain(`accepted as transition ${id}`);
      expect((await outrider(`describe transition ${id} -o json`)).out).toContain('"InProgress"');
      expect((await outrider(`transition abort ${id}`)).code).toBe(0);
      expect((await outrider(`transition wait ${id}`)).code).toBe(3);
    },
  );

  test.skipIf(!hasTerminal())("ends at a question on Ctrl-C, and nothing was done", async () => {
    await using asked = terminal("power off @all");
    await asked.shows(/Type yes/);
    asked.type(CTRL_C);
    expect(await asked.exited).toBe(130);
    expect((await outrider("get transitions --active")).out).toBe("");
  });

  const program = `outrider() { '${process.execPath}' '${fileURLToPath(CLI)}' "$@"; }`;
  test.each([
    [
      "bash",
      `${program}
source <(outrider completion bash)
say() { COMP_LINE="$1" COMP_POINT=\${#1}; _outrider; echo "$1: \${COMPREPLY[*]}"; }`,
    ],
    [
      "zsh",
      // Outside of the line editor compadd does nothing, so that what it is handed is printed.
      `${program}
compdef() { :; }
source <(outrider completion zsh)
compadd() { shift 2; words_=("$@"); }
say() { words=("\${(@s: :)1}"); CURRENT=\${#words}; words_=(); _outrider; echo "$1: \${(j: :)words_}"; }`,
    ],
    [
      "fish",
      `function outrider; '${process.execPath}' '${fileURLToPath(CLI)}' $argv; end
outrider completion fish | source
function say; echo "$argv[1]: "(complete -C "$argv[1]" | string join ' '); end`,
    ],
  ])("completes words, nodes and roles in %s", async (shell, begin) => {
    if (!requirePeer(shell, `apt-get install ${shell}`)) return;
    const script = join(lab.data, "..", `complete.${shell}`);
    const lines = ["outrider pow", "outrider power off @s", "outrider power off n1,n"];
    await writeFile(script, [begin, ...lines.map((line) => `say '${line}'`), ""].join("\n"));
    const child = await startProgram(findProgram(shell) ?? shell, {
      args: [script],
      env: environment(lab),
      ready: "none",
    });
    await child.exited;
    expect(child.lines).toEqual([
      "outrider pow: power",
      "outrider power off @s: @storage",
      "outrider power off n1,n: n1,n1 n1,n2 n1,n3 n1,n4 n1,n5",
    ]);
  });
});

describe("the command line of an administrator", () => {
  test.skipIf(!hasTerminal())(
    "signs in, applies a site, adds a user, and reads who did it",
    async () => {
      await using closed = await startLab({ nodes: 1, closed: true });
      const secrets = join(closed.data, "secrets");
      const passwordFile = (await readdir(secrets)).find((name) => name.startsWith("first-")) ?? "";
      const first = passwordFile.slice("first-".length);
      const password = (await readFile(join(secrets, passwordFile), "utf8")).trim();
      const env = environment(closed);
      const config = { XDG_CONFIG_HOME: env["XDG_CONFIG_HOME"] ?? "", OUTRIDER_URL: "" };
      expect(await outrider("get nodes", env)).toMatchObject({
        code: 4,
        error: expect.stringContaining("outrider login") as string,
      });
      await using login = terminal(`login ${first} ${closed.url} --name lab`, closed);
      await login.shows(/Password of/);
      login.type(`${password}\r`);
      await login.shows(/New password/);
      login.type("correct horse battery\r");
      await login.shows(/Once more/);
      login.type("correct horse battery\r");
      expect({ code: await login.exited, shown: login.shown }).toMatchObject({ code: 0 });
      expect(login.shown).not.toContain(password);
      expect(login.shown).not.toContain("correct horse");
      expect(
        (await stat(join(config.XDG_CONFIG_HOME, "outrider", "config.yaml"))).mode & 0o777,
      ).toBe(0o600);
      expect((await outrider("whoami", config)).out).toContain(first);
      expect((await outrider("whoami", env)).out).toContain(first);

      const site = (await outrider("export", config)).out;
      const file = join(closed.data, "..", "next.yaml");
      await writeFile(file, site.replace("rack: a", "rack: b"));
      const planned = await outrider(["apply", "-f", file, "--dry-run"], config);
      expect([planned.code, planned.out]).toEqual([
        0,
        expect.stringMatching(/~ nodes\.n1\.labels\.rack.*a.*b/),
      ]);
      expect((await outrider(["apply", "-f", file], config)).code).toBe(2);
      expect(await outrider(["apply", "-f", file, "-y"], config)).toMatchObject({ code: 0 });
      await writeFile(file, "site: lab\nnodes: 5\n");
      const bad = await outrider(["apply", "-f", file, "-y"], config);
      expect([bad.code, bad.error]).toEqual([2, expect.stringContaining(`${file}:2: nodes`)]);

      const added = await outrider("user add bert --role viewer", config);
      expect([added.code, added.out]).toEqual([0, expect.stringContaining("one-time password")]);
      const reset = await outrider("user reset-password bert", config);
      expect([reset.code, reset.out]).toEqual([0, expect.stringContaining("one-time password")]);
      const { code, out } = await outrider(
        "audit search --act create --subject bert -o json",
        config,
      );
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject([
        { actor: `person:${first}`, via: "cli", subject: "bert" },
      ]);
      expect((await outrider("audit verify", config)).code).toBe(0);
      expect((await outrider(["audit", "verify", "--data", closed.data], config)).code).toBe(0);
      expect((await outrider("logout", config)).code).toBe(0);
      expect((await outrider("get nodes", config)).code).toBe(4);
    },
  );
});

import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { mustSkip } from "@outrider/simulators/peers";
import type { ButtonPort } from "@outrider/ports/button-port";
import { openDriver } from "@outrider/ports/driver";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeButtonPort } from "../testing/button-conformance.js";
import { driverContext } from "../testing/context.js";
import { never } from "../testing/port-rig.js";
import { failure } from "../testing/power-rig.js";
import {
  lacksReporter,
  PYTHON,
  REPORTER,
  REPORTER_SECRET,
  startReporter,
  type ReporterRig,
} from "../testing/reporter-rig.js";
import { driver } from "./reporter.js";

/** Hands on to the reporter what comes, and keeps it: what somebody on the network has. */
async function listenIn(to: number) {
  const recorded: { asked: Buffer; answered: Buffer }[] = [];
  let instead: Buffer | undefined;
  const server = createServer((near) => {
    const exchange = { asked: Buffer.alloc(0), answered: Buffer.alloc(0) };
    recorded.push(exchange);
    near.on("error", () => {});
    const far = connect(to, "127.0.0.1");
    far.on("error", () => {});
    near.on("data", (bytes: Buffer) => {
      exchange.asked = Buffer.concat([exchange.asked, bytes]);
      if (instead) near.end(instead);
      else far.write(bytes);
    });
    far.on("data", (bytes: Buffer) => {
      exchange.answered = Buffer.concat([exchange.answered, bytes]);
      near.write(bytes);
    });
    far.on("close", () => near.end());
    near.on("close", () => far.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    recorded,
    /** From now on nobody but the listener answers, with this. */
    answerWith: (bytes: Buffer) => (instead = bytes),
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, "close");
    },
  };
}

/** Sends bytes as they are. @returns the answer */
async function send(port: number, bytes: Buffer): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(bytes);
  let said = "";
  for await (const chunk of socket) said += String(chunk);
  return said;
}

describe.skipIf(lacksReporter("button/reporter"))(
  "the reporter of a host",
  { timeout: 60_000 },
  () => {
    describeButtonPort("reporter", async () => {
      const rig = await startReporter();
      return {
        can: ["shutDown"],
        asked: async () => rig.asked(),
        open: (context) =>
          openDriver(driver, rig.options, {
            ...context,
            secret: driverContext({ secrets: rig.secrets }).secret,
          }),
        silence: async (silent) => rig.freeze(silent),
        [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
      };
    });

    let rig: ReporterRig;
    beforeEach(async () => {
      rig = await startReporter();
    });
    afterEach(() => rig[Symbol.asyncDispose]());
    const open = (port = rig.port): Promise<ButtonPort> =>
      openDriver(driver, { ...rig.options, port }, driverContext({ secrets: rig.secrets }));
    const shutDown = async (port?: number): Promise<void> => {
      await using button = await open(port);
      await button.shutDown?.(never);
    };
    const sign = (...said: string[]): string =>
      createHmac("sha256", REPORTER_SECRET).update(said.join("\n")).digest("hex");
    const post = async (path: string, body: object): Promise<{ status: number; json: Json }> => {
      const answer = await fetch(`http://127.0.0.1:${rig.port}${path}`, {
        method: "POST",
        body: JSON.stringify(body),
      });
      return { status: answer.status, json: (await answer.json()) as Json };
    };
    const hello = async (): Promise<Json> => {
      const nonce = "ab".repeat(32);
      const said = { nonce, mac: sign("outrider-reporter/1", "hello", nonce) };
      return (await post("/v1/hello", said)).json;
    };
    const shutdownFor = ({ challenge = "" }: Json, bootId: string) =>
      post("/v1/shutdown", {
        challenge,
        mac: sign("outrider-reporter/1", "shutdown", challenge, bootId),
      });

    it("does nothing for anybody who plays back what they have heard", async () => {
      await using wire = await listenIn(rig.port);
      await shutDown(wire.port);
      expect(rig.asked()).toBe(1);
      const order = wire.recorded.find(({ asked }) => asked.includes("/v1/shutdown"));
      expect(order?.answered.toString()).toContain("accepted");
      expect(await send(rig.port, order?.asked ?? Buffer.alloc(0))).toContain(" 409 ");
      // It knows no request of before its start.
      await rig.stop();
      await rig.start();
      expect(await send(rig.port, order?.asked ?? Buffer.alloc(0))).toContain(" 409 ");
      expect(rig.asked()).toBe(1);
      const heard = wire.recorded
        .map(({ asked, answered }) => Buffer.concat([asked, answered]).toString("latin1"))
        .join("");
      expect(`${heard}${rig.log()}`).not.toContain("canary");
    });

    it("believes nobody who plays back its answer", async () => {
      await using wire = await listenIn(rig.port);
      await shutDown(wire.port);
      for (const { answered } of wire.recorded.slice()) {
        wire.answerWith(answered);
        const error = await failure(shutDown(wire.port));
        expect(error).toMatchObject({ code: "protocol" });
        expect(error.message).toContain("not signed with the secret");
      }
      expect(rig.asked()).toBe(1);
    });

    it("goes down for the boot that it was told, and for no other", async () => {
      const said = await hello();
      expect((await shutdownFor(said, "00000000-0000-0000-0000-000000000000")).status).toBe(403);
      expect(rig.asked()).toBe(0);
      expect((await shutdownFor(said, said.bootId ?? "")).status).toBe(200);
      expect(rig.asked()).toBe(1);
    });

    it("takes a request for two only once, however near they come", async () => {
      const said = await hello();
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => shutdownFor(said, said.bootId ?? "")),
      );
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
        200,
        ...Array.from({ length: 7 }, () => 409),
      ]);
      expect(rig.asked()).toBe(1);
    });

    it("goes down once, however often it is told while it does, and says so meanwhile", async () => {
      await shutDown();
      await shutDown();
      expect(rig.asked()).toBe(1);
      expect(await hello()).toMatchObject({ state: "going-down", problem: "" });
    });

    it("says what the command has said when it fails, then and afterwards", async () => {
      await rig.stop();
      rig.command("echo Interactive authentication required. >&2; exit 4");
      await rig.start();
      const error = await failure(shutDown());
      expect(error).toMatchObject({ code: "refused" });
      expect(error.message).toContain("ended with 4: Interactive authentication required.");
      expect(await hello()).toMatchObject({
        state: "running",
        problem: expect.stringContaining("The last shutdown failed") as string,
      });
      await failure(shutDown());
      expect(rig.asked()).toBe(2);
    });

    it("answers although it is ended by what it was told", async () => {
      await rig.stop();
      rig.command("kill -TERM $PPID");
      await rig.start();
      await shutDown();
      expect(rig.asked()).toBe(1);
    });

    it.each([
      ["no JSON", "/v1/hello", "{", 400],
      ["no object", "/v1/hello", "[]", 400],
      ["nothing in it", "/v1/hello", "{}", 400],
      ["a wrong signature", "/v1/hello", JSON.stringify({ nonce: "ab".repeat(32), mac: "é" }), 403],
      ["a number for a signature", "/v1/hello", `{"nonce": "${"ab".repeat(32)}", "mac": 1}`, 403],
      [
        "an invented challenge",
        "/v1/shutdown",
        `{"challenge": "${"ab".repeat(32)}", "mac": ""}`,
        403,
      ],
      ["too much", "/v1/hello", "x".repeat(5000), 400],
      ["much nesting", "/v1/hello", "[".repeat(4000), 400],
      ["a path of its own", "/v1/exec", "{}", 404],
    ])("refuses %s, and goes on", async (_, path, body, status) => {
      const answer = await fetch(`http://127.0.0.1:${rig.port}${path}`, { method: "POST", body });
      expect(answer.status).toBe(status);
      expect(rig.asked()).toBe(0);
      expect(await hello()).toMatchObject({ state: "running" });
    });

    it("serves its agent while strangers hold a dozen connections", async () => {
      const strangers = Array.from({ length: 12 }, () => connect(rig.port, "127.0.0.1"));
      for (const stranger of strangers) stranger.on("error", () => {});
      await Promise.all(strangers.map((stranger) => once(stranger, "connect")));
      await shutDown();
      expect(rig.asked()).toBe(1);
      for (const stranger of strangers) stranger.destroy();
    });

    it.each([
      ["one address that is the agent's, too", () => "127.0.0.1"],
      ["many addresses", (index: number) => `127.0.1.${index + 1}`],
    ])(
      "serves its agent while strangers send 16 requests byte by byte, from %s",
      async (_, addressOf) => {
        const strangers = Array.from({ length: 16 }, (_unused, index) =>
          connect({ port: rig.port, host: "127.0.0.1", localAddress: addressOf(index) }),
        );
        for (const stranger of strangers) stranger.on("error", () => {});
        const dripping = setInterval(() => {
          for (const stranger of strangers) if (stranger.writable) stranger.write("P");
        }, 200);
        try {
          await Promise.all(strangers.map((stranger) => once(stranger, "connect")));
          expect(await hello()).toMatchObject({ state: "running" });
          await shutDown();
          expect(rig.asked()).toBe(1);
          // However often they send a byte, none of them keeps its place.
          await expect
            .poll(() => strangers.filter((stranger) => !stranger.destroyed), { timeout: 30_000 })
            .toEqual([]);
        } finally {
          clearInterval(dripping);
          for (const stranger of strangers) stranger.destroy();
        }
      },
    );

    it("takes no challenge that is older than half a minute, and says when a shutdown came to nothing", async () => {
      const program = `
import importlib.util, sys
from importlib.machinery import SourceFileLoader
loader = SourceFileLoader("reporter", sys.argv[1])
reporter = importlib.util.module_from_spec(importlib.util.spec_from_loader("reporter", loader))
loader.exec_module(reporter)
now = 1000.0
reporter.time.monotonic = lambda: now
challenges = reporter.Challenges()
early, late = challenges.make(), challenges.make()
now += 29
assert challenges.use(early) and not challenges.use(early)
now += 2
assert not challenges.use(late) and not challenges.use(early)
assert not reporter.Challenges().use(challenges.make())
for strange in ("", ".", "..", "zz.00.00", early[:-1], early + "0", "\u00e9"): assert not challenges.use(strange)
host = reporter.Host(["/bin/true"])
assert host.look() == ("running", "")
assert host.shut_down() == "" and host.look() == ("going-down", "")
now += 301
assert host.look() == ("running", "It was told to shut down 301 s ago and still runs.")
assert host.shut_down() == "" and host.look() == ("going-down", "")
host = reporter.Host(["/no/such/program"])
assert host.shut_down() == "/no/such/program: No such file or directory"
assert host.look()[0] == "running"
`;
      // Without a cache beside the program.
      await promisify(execFile)(PYTHON, ["-B", "-c", program, REPORTER]);
    });

    it.each([
      ["no file of a configuration", "", undefined, "No such file or directory"],
      ["no secret", "[reporter]\n", undefined, "reporter-secret: No such file or directory"],
      ["a secret that can be guessed", "[reporter]\n", "secret", "at least 32 characters"],
      ["no section", "listen = ::\n", undefined, "no section headers"],
      ["a port that is none", "[reporter]\nport = http\n", "s".repeat(32), "invalid literal"],
      ["nothing to run", "[reporter]\nshutdown =\n", "s".repeat(32), "shutdown is empty"],
      ["another's address", "[reporter]\nlisten = 192.0.2.1\n", "s".repeat(32), "cannot listen on"],
    ])("does not start with %s, and says so", async (_, config, secret, words) => {
      const dir = mkdtempSync(join(tmpdir(), "or-"));
      try {
        const file = join(dir, "reporter.conf");
        if (config !== "") writeFileSync(file, config);
        if (secret !== undefined) writeFileSync(join(dir, "reporter-secret"), secret);
        const env = { CREDENTIALS_DIRECTORY: dir };
        const started = promisify(execFile)(PYTHON, ["-B", REPORTER, file], {
          env,
          timeout: 20_000,
        });
        await expect(started).rejects.toMatchObject({
          code: 2,
          stderr: expect.stringContaining(words) as string,
        });
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    });

    it("does what its README says to anybody with curl and openssl", async ({ skip }) => {
      if (mustSkip("the README of the reporter", { curl: "curl", openssl: "openssl" })) skip();
      const readme = fileURLToPath(new URL("../../../reporter/README.md", import.meta.url));
      const [, script = ""] = /```sh shutdown\n(.*?)```/s.exec(readFileSync(readme, "utf8")) ?? [];
      const env = {
        PATH: process.env["PATH"],
        NODE: `127.0.0.1:${rig.port}`,
        SECRET: REPORTER_SECRET,
      };
      const { stdout } = await promisify(execFile)("sh", ["-eu", "-c", script], { env });
      expect(stdout).toContain('"accepted": true');
      expect(rig.asked()).toBe(1);
    });
  },
);

interface Json {
  readonly bootId?: string;
  readonly challenge?: string;
}

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { milliseconds, seconds, systemClock, type Clock } from "@outrider/contracts/clock";
import { eventually } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { PartOptions } from "./part.js";
import { Supervisor } from "./supervisor.js";

let folder: TempDir;
let said: string[];
let pausesMs: number[];
let stop: AbortController;
let supervisor: Supervisor;

/** Every pause is over at once, and a part has served for `servedMs` when it ends. */
function clock(servedMs = 0): Clock {
  let nowMs = 0;
  return {
    ...systemClock,
    monotonicMs: () => (nowMs += servedMs),
    sleep: async (span) => {
      pausesMs.push(span);
      // Enough has been seen.
      if (pausesMs.length === 5) stop.abort();
    },
  };
}

/** A part that says that it serves and then does what it is told. */
async function part(name: string, then: string): Promise<PartOptions> {
  const file = join(folder.path, `${name}.mjs`);
  await writeFile(file, `console.log(JSON.stringify({ ready: true }));\n${then}\n`);
  return {
    name,
    program: pathToFileURL(file).href,
    environment: () => ({}),
    stopWithin: seconds(20),
  };
}

const STAYS = "setInterval(() => {}, 1000);";
const ENDS = "setImmediate(() => process.exit(3));";

function supervise(with_: Clock): void {
  supervisor = new Supervisor((line) => said.push(line), stop.signal, with_);
}

beforeEach(async () => {
  folder = await tempDir();
  said = [];
  pausesMs = [];
  stop = new AbortController();
});

afterEach(async () => {
  await supervisor.stop();
  await folder.remove();
});

it("starts a part that ends again after 1 s, 4 s, then every 15 s, and leaves the others alone", async () => {
  supervise(clock());
  await supervisor.start(await part("steady", STAYS));
  const before = supervisor.pids()["steady"];
  await supervisor.start(await part("brittle", ENDS));
  expect(await supervisor.ended()).toBe(0);
  expect(pausesMs).toEqual([1000, 4000, 15_000, 15_000, 15_000]);
  expect(supervisor.pids()["steady"]).toBe(before);
  expect(said[0]).toMatch(
    /^brittle \(process \d+\) ended with code 3; it is started again in 1 s, the others go on$/,
  );
  expect(said[1]).toMatch(/^brittle \(process \d+\) serves again$/);
});

it("begins with 1 s again when a part had served for a minute", async () => {
  supervise(clock(seconds(60)));
  await supervisor.start(await part("brittle", ENDS));
  await supervisor.ended();
  expect(pausesMs).toEqual([1000, 1000, 1000, 1000, 1000]);
});

it("asks for the environment at every start", async () => {
  supervise(clock());
  let starts = 0;
  const options = await part("brittle", "process.exit(Number(process.env.OUTRIDER_TEST));");
  await supervisor.start({
    ...options,
    environment: () => ({ OUTRIDER_TEST: String(++starts) }),
  });
  await supervisor.ended();
  expect(
    said.filter((line) => line.includes("ended")).map((line) => /code \d/.exec(line)?.[0]),
  ).toEqual(["code 1", "code 2", "code 3", "code 4", "code 5"]);
});

it("ends everything with 78 when a part that served is told that its configuration is wrong", async () => {
  supervise(clock());
  await supervisor.start(await part("steady", STAYS));
  await supervisor.start(await part("misled", "setImmediate(() => process.exit(78));"));
  expect(await supervisor.ended()).toBe(78);
  expect(pausesMs).toEqual([]);
  expect(said).toEqual([expect.stringMatching(/^misled .* code 78; the other parts are stopped$/)]);
});

it("does not start again what never served", async () => {
  supervise(clock());
  const options = await part("stillborn", "");
  await writeFile(new URL(options.program), "process.exit(4);");
  await expect(supervisor.start(options)).rejects.toThrow("stillborn did not become ready");
  expect(await supervisor.ended()).toBe(4);
});

it("ends a part that waits for its start at once", async () => {
  supervise(systemClock);
  await supervisor.start(await part("brittle", ENDS));
  await eventually("it has ended", () => said.length > 0);
  await supervisor.stop();
  expect(said).toHaveLength(1);
});

it("kills a part that does not end in its time, and says so", async () => {
  supervise(systemClock);
  const options = await part("deaf", STAYS);
  // It is deaf before it says that it serves.
  await writeFile(
    new URL(options.program),
    `process.on("SIGTERM", () => {}); console.log('{"ready":true}'); ${STAYS}`,
  );
  await supervisor.start({ ...options, stopWithin: milliseconds(50) });
  await supervisor.stop();
  expect(said).toEqual([expect.stringMatching(/^deaf .* did not end in time and is killed$/)]);
});

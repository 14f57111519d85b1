import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeContexts } from "./contexts.js";
import { createProgram } from "./program.js";
import { runCli } from "./run.js";
import { recordingConsole } from "./testing/recording-console.js";
import {
  startStubGateway,
  type Asked,
  type Reply,
  type StubGateway,
} from "./testing/stub-gateway.js";

const TRANSITION = {
  id: "t1",
  action: "On",
  nodes: "n1",
  total: 1,
  state: "Completed",
  actor: "person:anna",
  createdAt: "2026-11-23T05:00:00Z",
  endedAt: "2026-11-23T05:00:01Z",
  counts: { waiting: 0, running: 0, succeeded: 1 },
};
const NODE = { id: "n1", name: "n1", roles: [], labels: {}, supportedActions: [] };
const LOCK = {
  id: "l1",
  state: "Held",
  nodes: "n1",
  holder: "person:anna",
  priority: 50,
  askedAt: "2026-11-23T05:00:00Z",
};
/** Enough for every command to reach its last request. */
const REPLIES: Readonly<Record<string, object>> = {
  "/nodes": { nodes: [NODE] },
  "/nodes/n1": NODE,
  "/nodes/n1/facts": { node: "n1", parts: [] },
  "/power": TRANSITION,
  "/power/plan": { total: 1, leastMs: 0, groups: [] },
  "/transitions": { transitions: [] },
  "/transitions/t1": { transition: TRANSITION, tasks: [{ node: "n1", state: "Succeeded" }] },
  "/session": { name: "anna", mustChangePassword: true },
  "/health": { version: "0", services: [] },
  "/services": { services: [] },
  "/agents": { agents: [] },
  "/agents/a1/detect": { agent: "a1", found: { proposals: [], problems: [] } },
  "/endpoints/n1.power/test": { endpoint: "n1.power", result: { ok: true, findings: [] } },
  "/endpoints/n1.sensor.board/test": {
    endpoint: "n1.sensor.board",
    result: { ok: true, findings: [] },
  },
  "/drivers": { drivers: [] },
  "/locks": { ...LOCK, locks: [] },
  "/users": { users: [], password: "x" },
  "/users/anna/password": { password: "x" },
  "/users/anna/tokens": { tokens: [], token: "secret", id: "k1" },
  "/users/anna/keys": { keys: [], id: "k1" },
  "/proposals": { proposals: [] },
  "/drift": { drift: [] },
  "/consoles": { consoles: [{ node: "n1", name: "n1" }] },
  "/consoles/sessions": { sessions: [], total: 0 },
  "/consoles/scripts": { runs: [] },
  "/consoles/scripts/r1": { id: "r1", node: "n1", state: "aborted", line: 3 },
  "/nodes/n1/console/scripts": { id: "r1", node: "n1", state: "succeeded", line: 3 },
  "/consoles/captures": { captures: [] },
  "/consoles/rules": { records: [] },
  "/nodes/n1/console": { node: "n1", name: "n1" },
  "/nodes/n1/console/boots": { boots: [] },
  "/nodes/n1/console/screen": { columns: 80, rows: 24, text: "login:" },
  "/nodes/n1/console/act": { detail: "done" },
  "/consoles/search": { node: "n1", at: "2026-11-23T05:00:00.000Z", line: 1, text: "panic" },
  "/history": { entries: [] },
  "/events/recent": { events: [] },
  "/sensors": { nodes: [{ node: "n1", sensors: [], heartbeats: [] }], total: 1 },
  "/readings": {
    from: "2026-11-23T05:00:00.000Z",
    to: "2026-11-23T06:00:00.000Z",
    everyMs: 0,
    series: [],
  },
  "/measurements/node_heartbeat": { to: "2026-11-23T06:00:00.000Z", everyMs: 60_000, series: [] },
  "/measurements/node_state": { to: "2026-11-23T06:00:00.000Z", everyMs: 60_000, series: [] },
  "/alarms": { alarms: [] },
  "/events/history": { events: [] },
  "/audit": { records: [] },
  "/audit/verdicts": { logs: [{ log: "power", verdict: [{ log: "power", intact: true }] }] },
  "/site/file": { changes: [{ kind: "added", path: "nodes.n1" }], outcome: "applied" },
};
function replyTo({ path, method }: Asked): Reply {
  if (path.startsWith("/locks/")) return { ...LOCK, state: method === "GET" ? "Held" : "Released" };
  if (path === "/transitions/t1" && method === "DELETE") return { ...TRANSITION, state: "Aborted" };
  return REPLIES[path] ?? {};
}

const LINES = `
power status n1 | power on n1 -P 2 --stagger 1s --deadline 1m --expect Off --reason r --lock l1
power off n1 --override --reason r | power shutdown n1 --escalate | power cycle n1 --dry-run
power reset n1 --no-wait | power restart n1 --skip-drain --reason r | power button n1 | power nmi n1
get nodes | get nodes n1 | get agents | get services | get transitions --active | get locks --ended
get consoles n1 | get events n1 --kinds result | get proposals | get drift | get site | facts n1 | history n1
history --part S1 | describe node n1 | describe agent a1 | describe transition t1 | describe lock l1
watch n1 --kinds node | transition abort t1 | transition wait t1 | lock acquire n1 --queue --priority 60
lock run n1 -- true | lock renew l1 | lock renew l1 --lease 5m | lock release l1
lock break l1 --reason r | lock list | apply -f SITE -y --force | apply -f SITE --dry-run
agent detect a1 | agent detect a1 --switch 10.0.0.2 sw2 --community-file /etc/outrider/secrets/poe -o json
agent detect a1 --switch sw1 --snmp-user u --auth-key-file /etc/outrider/secrets/a --privacy-key-file /etc/outrider/secrets/p
agent test n1.power | agent test n1.sensor.board -o json | drivers | drivers power | drivers power/snmp-poe | drivers snmp-poe
export --revision 2 | identify n1 | proposal dismiss p1
console attach n1 --take --replay boot -e ~ | console n1 --spy --escape none
console log n1 -f --since 2d --until 1h --json | console log n1 --lines 5 | console log n1 --boot -1 --raw -o HOME/log
console boots n1 | console screen n1 | console search /panic/i n1 --since 2026-11-23 -C 2 --limit 7
console break n1 twice --ms 100 --take | console sysrq n1 sync remount-read-only | console pulse n1 dtr --ms 5
console line n1 9600,7e1 | console line n1 declared | console close n1 --for 5m --reason flashing --take
console open n1 --take | console sysrq n1 loglevel-7 s 9 | console describe n1 | console paste n1 --take | console who n1 | console disconnect s1 --reason r
console script n1 SITE --deadline 9s --take --reason r | console scripts | console transcript r1
console abort r1 | console captures n1 --limit 5 | console capture c1 -o HOME/capture
console rules | console rules list | console rules clear panic n1
login anna URL | logout | whoami
user list | user add bert --role viewer --rights audit --nodes n1 --display-name B
user change bert --role operator --disable | user remove bert -y | user reset-password anna
token list | token add ci --rights read --days 3 | token revoke k1
key list | key add home -f SITE | key remove k1
sensors n1 --sensor supply --quantity voltageVolts,powerWatts | sensors n1 -o json | sensors n1 --csv
sensors n1 --history 2h --until 1h --every 5m --quantity powerWatts | sensors n1 n2 --history 2026-11-23 --csv
sensors n1 --history 2h --what heartbeats --sensor lan | sensors n1 --history 2h --what states --csv
alarms | alarms n1 --severity Critical | alarms list n1 --all --limit 5 --csv | alarms ack n1/silent --comment c
events | events n1 --since 1d --until 1h --kinds boot --severity warning,error --limit 7 | events --csv
audit search --actor person:anna --act lock.break --subject n1 --since 2026-11-23 --limit 5
audit verify | doctor
`
  .split(/[|\n]/)
  .map((line) => line.trim())
  .filter((line) => line !== "");
/** They ask nobody. */
const OFFLINE = /^(nodeset|context|completion|__complete)\b/;

let stub: StubGateway;
let home: string;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "outrider-cli-"));
  writeFileSync(join(home, "site.yaml"), "site: lab\n");
  stub = await startStubGateway(replyTo);
});
afterAll(async () => {
  await stub[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

it.each(LINES)("outrider %s asks what its route takes", async (line) => {
  const [asked, wrong] = [stub.asked.length, stub.wrong.length];
  const words = line
    .split(" ")
    .map((word) => word.replace("HOME", home))
    .map((word) => (word === "SITE" ? join(home, "site.yaml") : word === "URL" ? stub.url : word));
  const { console } = recordingConsole(["one-time", "a new password", "a new password"]);
  const environment = { ...process.env, OUTRIDER_URL: stub.url, XDG_CONFIG_HOME: home };
  if (line === "logout") {
    const context = { url: stub.url, user: "anna", token: "secret", tokenId: "k1" };
    writeContexts(environment, { current: "lab", contexts: { lab: context } });
  }
  await runCli(words, environment, console);
  expect(stub.wrong.slice(wrong)).toEqual([]);
  expect(stub.asked.length).toBeGreaterThan(asked);
});

it("runs every command of the program", () => {
  const nothing = (): Promise<void> => Promise.resolve();
  const program = createProgram({
    console: recordingConsole().console,
    environment: {},
    online: nothing,
    offline: nothing,
  });
  const leaves = (command: Command, prefix: string): string[] =>
    command.commands.length === 0
      ? [prefix]
      : command.commands.flatMap((one) => leaves(one, `${prefix} ${one.name()}`.trim()));
  const missing = leaves(program, "").filter(
    (name) => !OFFLINE.test(name) && !LINES.some((line) => `${line} `.startsWith(`${name} `)),
  );
  expect(missing).toEqual([]);
});

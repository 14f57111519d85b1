import { CONSOLE_ACTS } from "@outrider/contracts/audit";
import { expect, it } from "vitest";
import { ACTS, actsOf, RECORDS, whatText } from "./audit-rows.js";

it.each([
  [{ action: "PowerCycle", nodes: ["n1", "n2", "n3"], total: 3 }, "PowerCycle of n[1-3]"],
  [
    { id: "a", action: "On", run: "n1/1", status: "Rejected", reasonCode: "locked" },
    "On Rejected locked",
  ],
  [{ state: "Completed", succeeded: 3 }, "Completed"],
  [{ command: "c1" }, "command c1"],
  [{}, ""],
  [{ way: "telnet", mode: "take", from: "10.0.0.7" }, "take from 10.0.0.7"],
  [{ way: "ssh", keys: ["sync", "reboot"] }, "sync, reboot"],
  [{ way: "rfc2217", settings: "9600,8n1,none" }, "9600,8n1,none"],
  [{ way: "rfc2217", dtr: true, rts: false }, "DTR on RTS off"],
  [{ way: "cli", for: "30 min" }, "for 30 min"],
  [{ way: "web", characters: 42 }, "42 characters"],
  [
    { way: "ssh", address: "::1", method: "password", refused: true },
    "from ::1 by password refused",
  ],
  [{ way: "web", mode: "spy", refused: "not-allowed" }, "spy refused: not-allowed"],
  [{ way: "raw", name: "sun", failed: "unreachable" }, "sun failed: unreachable"],
])("%j is told as %j", (data, text) => {
  expect(whatText(data)).toBe(text);
});

it("cuts a node set that nobody reads", () => {
  const nodes = Array.from({ length: 60 }, (_, at) => `n${at * 2}`);
  expect(whatText({ nodes })).toMatch(/^of n\[0,2,4.*…$/);
});

it("knows an act by its end", () => {
  expect(actsOf("transition.abort")).toEqual(["power.transition.abort"]);
  expect(actsOf("power.transition")).toEqual(["power.transition"]);
  expect(actsOf("remove")).toEqual(["user.remove", "key.remove"]);
  expect(actsOf("script")).toEqual(["console.script"]);
  expect(actsOf("detach")).toEqual(["console.detach"]);
  expect(actsOf("abort-script")).toEqual(["console.abort-script"]);
  for (const act of CONSOLE_ACTS) {
    expect(ACTS).toContain(`console.${act}`);
    expect(actsOf(act)).toContain(`console.${act}`);
  }
  expect(actsOf("of.a.later.version")).toEqual(["of.a.later.version"]);
});

it("names the way by which somebody came to a console", () => {
  const record = {
    at: "t",
    log: "console",
    seq: 1,
    actor: "address:10.0.0.7",
    act: "console.line",
    subject: "n1",
  };
  const rows = ["raw", "rfc2217", "telnet", "cli"].map(
    (way) => RECORDS.row({ ...record, via: "cli", stage: "intent", data: { way } } as never)[5],
  );
  expect(rows).toEqual(["cli (raw)", "cli (rfc2217)", "cli (telnet)", "cli"]);
});

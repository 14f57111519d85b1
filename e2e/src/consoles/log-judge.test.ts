import { describe, expect, test } from "vitest";
import { wrongWith } from "./log-judge.js";

const sent = Buffer.from("abcdefghij");
const gap = (position: number, lost: number | null) => ({ position, lost, reason: "agent-down" });
const logged = (text: string, ...gaps: ReturnType<typeof gap>[]) => ({
  bytes: Buffer.from(text),
  gaps,
});

describe("a log is right", () => {
  test.each([
    ["when it is what was sent", logged("abcdefghij")],
    ["when a gap stands where bytes are missing", logged("abcfghij", gap(3, 2))],
    ["when a gap of unknown size does", logged("abcfghij", gap(3, null))],
    ["when a gap of unknown size has lost nothing", logged("abcdefghij", gap(3, null))],
    ["when the end is missing and it says so", logged("abc", gap(3, 7))],
  ])("%s", (_, log) => expect(wrongWith(log, sent)).toBeUndefined());
});

describe("a log is wrong", () => {
  test.each([
    ["when bytes are missing without a gap", logged("abcfghij")],
    ["when the gap stands elsewhere", logged("abcfghij", gap(5, 2))],
    ["when the gap has another size", logged("abcfghij", gap(3, 1))],
    ["when bytes come twice", logged("abccdefghij")],
    ["when the end is missing", logged("abcdefghi")],
    ["when the end is missing behind a gap of unknown size", logged("abc", gap(3, null))],
    ["when nothing is there but a gap of unknown size", logged("", gap(0, null))],
    ["when the beginning is missing", logged("bcdefghij")],
  ])("%s", (_, log) => expect(wrongWith(log, sent)).toEqual(expect.any(String)));
});

import { StorageError } from "@outrider/storage/storage-error";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PASSWORD, peopleUnderTest, type PeopleUnderTest } from "../testing/people-under-test.js";
import { fingerprintOf, SignInRefused } from "./sign-in-desk.js";

const ARRIVAL = { way: "ssh", from: "192.0.2.7" } as const;

describe("while sign-ins cannot be recorded", () => {
  let people: PeopleUnderTest;
  beforeAll(async () => {
    people = await peopleUnderTest({ anonymous: "loopback-operator" });
    people.audit.fails = new StorageError("full", "database or disk is full");
  });
  afterAll(() => people[Symbol.asyncDispose]());

  test("who shows who they are is let in, as consoles mend full disks (P12)", async () => {
    const { tried } = people.audit;
    const guest = await people.desk.byPassword("ada", PASSWORD, ARRIVAL);
    expect(guest.visitor).toMatchObject({ actor: "person:ada", way: "ssh", from: "192.0.2.7" });
    const here = await people.desk.byBeingHere("n1", { way: "ssh", from: "127.0.0.1" });
    expect(here?.isAnonymous).toBe(true);
    const blob = await people.key("ada").then(people.publicBlob);
    const byKey = await people.desk.byKey(fingerprintOf(blob), "ada", ARRIVAL);
    expect(byKey.person).toBe("ada");
    expect(people.audited).toEqual([]);
    expect(people.audit.tried - tried).toBe(3);
  });

  test("who does not stays outside, with the reason", async () => {
    const wrong = people.desk.byPassword("ada", "not this one", ARRIVAL);
    await expect(wrong).rejects.toThrow(SignInRefused);
    await expect(wrong).rejects.toThrow("unknown name or wrong password");
    const oneTime = people.desk.byPassword("eve", PASSWORD, ARRIVAL);
    await expect(oneTime).rejects.toThrow(/one-time password/);
    const blob = await people.key("dan").then(people.publicBlob);
    const disabled = people.desk.byKey(fingerprintOf(blob), "dan", ARRIVAL);
    await expect(disabled).rejects.toThrow(/dan is disabled/);
  });
});

import { describe, expect, it } from "vitest";
import { OutsideTimeWindow, snmpError } from "./snmp-error.js";

const failed = (name: string, rest: object): Error =>
  Object.assign(new Error("RequestFailedError"), { name, ...rest });

describe("what SNMP fails with", () => {
  it.each([
    [true, "It has not done what it was asked"],
    [false, "is not known: look at its state"],
  ])("is a time of before, and says what became of the request (%s)", (nothingDone, words) => {
    const error = snmpError("The switch at h:161 (write)", new OutsideTimeWindow(nothingDone));
    expect(error).toMatchObject({ name: "PortError", code: "protocol" });
    expect(error.message).toContain(words);
    expect(error.message).toContain("engineBoots");
  });

  it("is a user who comes without the encryption that the device asks for", () => {
    const error = snmpError("The switch", failed("RequestFailedError", { status: 16 }));
    expect(error).toMatchObject({ code: "refused" });
    expect(error.message).toMatch(/AuthorizationError.*privKey.*write access/);
  });
});

import { describe, expect, it } from "vitest";
import { AddressPolicy, interfaceAddresses, parseNetworks } from "./address-policy.js";

/** Whatever addresses the host of the test has. */
const policy = new AddressPolicy([], () => []);

describe("which addresses a webhook may reach", () => {
  it.each([
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "169.254.169.254",
    "100.100.100.200",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "fd00:ec2::254",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:a9fe:a9fe",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:1::1",
    "not-an-address",
    "",
  ])("not %s", (address) => {
    expect(policy.allows(address)).toBe(false);
  });

  it.each(["10.0.0.7", "192.168.1.1", "172.16.0.9", "203.0.113.5", "2001:db8::1", "fd12::5"])(
    "%s",
    (address) => {
      expect(policy.allows(address)).toBe(true);
    },
  );

  it("not an address of this host's interfaces, unless the site allows it", () => {
    const own = (): string[] => ["10.0.0.7", "fd12::5", "fe80::1%eth0"];
    const here = new AddressPolicy([], own);
    for (const address of ["10.0.0.7", "::ffff:10.0.0.7", "fd12::5", "FD12:0::5"]) {
      expect({ address, is: here.allows(address) }).toEqual({ address, is: false });
    }
    expect(here.allows("10.0.0.8")).toBe(true);
    expect(here.allows("fd12::6")).toBe(true);
    expect(new AddressPolicy([["10.0.0.7", 32]], own).allows("10.0.0.7")).toBe(true);
    const addresses = interfaceAddresses();
    expect(addresses).not.toEqual([]);
    for (const address of addresses) expect(new AddressPolicy().allows(address)).toBe(false);
  });

  it("reaches what the site allows, in whatever form it comes, and nothing beside it", () => {
    const allowing = new AddressPolicy([["127.0.0.0", 30]]);
    expect(allowing.allows("127.0.0.1")).toBe(true);
    expect(allowing.allows("::ffff:127.0.0.1")).toBe(true);
    expect(allowing.allows("127.0.0.9")).toBe(false);
    expect(allowing.allows("::1")).toBe(false);
  });

  it("reads lists of networks, and nothing else", () => {
    expect(parseNetworks("127.0.0.0/8, ::1/128")).toEqual([
      ["127.0.0.0", 8],
      ["::1", 128],
    ]);
    for (const text of ["", "127.0.0.1", "10.0.0.0/33", "::1/129", "host/8", "10.0.0.0/8/8"]) {
      expect(parseNetworks(text)).toBeUndefined();
    }
  });
});

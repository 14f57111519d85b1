import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";

/** Networks that a webhook never reaches unless it is allowed to: this host, its links, groups, and metadata services. */
const REFUSED: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["192.0.0.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  // Metadata of a cloud, beside link-local.
  ["100.100.100.200", 32],
  ["fd00:ec2::254", 128],
  ["::", 96],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
  // Wrappings of IPv4 addresses that would hide one of the above: NAT64, Teredo, 6to4.
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["2001::", 32],
  ["2002::", 16],
];

const MAPPED = /^::ffff:(?:0:)?(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i;

/** Which addresses a webhook may reach. */
export class AddressPolicy {
  readonly #refused = listOf(REFUSED);
  readonly #allowed: BlockList;

  /**
   * @param allowed networks that are reached although they would be refused
   * @param own addresses of this host as they are now; refused, since what listens there may trust who is here
   */
  constructor(
    allowed: readonly (readonly [string, number])[] = [],
    private readonly own: () => readonly string[] = interfaceAddresses,
  ) {
    this.#allowed = listOf(allowed);
  }

  /** @param address an IP address, without brackets */
  allows(address: string): boolean {
    // A zone is no part of what BlockList reads, and only link-local addresses have one.
    if (address.includes("%")) return false;
    const plain = unmapped(address);
    const family = isIP(plain);
    if (family === 0) return false;
    const type = family === 4 ? "ipv4" : "ipv6";
    if (this.#allowed.check(plain, type)) return true;
    return !this.#refused.check(plain, type) && !this.#isOwn(plain, type);
  }

  #isOwn(plain: string, type: "ipv4" | "ipv6"): boolean {
    const list = new BlockList();
    for (const address of this.own()) {
      const family = isIP(address);
      if (family !== 0) list.addAddress(address, family === 4 ? "ipv4" : "ipv6");
    }
    return list.check(plain, type);
  }
}

/** The addresses of every interface of this host. */
export function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap(
    (of) => of?.map(({ address }) => address) ?? [],
  );
}

/** Reads `127.0.0.0/8,::1/128`. Undefined when the text is no list of networks. */
export function parseNetworks(text: string): (readonly [string, number])[] | undefined {
  const networks: (readonly [string, number])[] = [];
  for (const part of text.split(",").map((one) => one.trim())) {
    const [address = "", prefix = "", ...rest] = part.split("/");
    const family = isIP(address);
    const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (family === 0 || rest.length > 0 || !(bits <= (family === 4 ? 32 : 128))) return undefined;
    networks.push([address, bits]);
  }
  return networks;
}

function listOf(networks: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [address, bits] of networks) {
    list.addSubnet(address, bits, isIP(address) === 4 ? "ipv4" : "ipv6");
  }
  return list;
}

/** The IPv4 address inside an IPv4-mapped or -translated one (RFC 4291 §2.5.5, RFC 2765 §2.1). */
function unmapped(address: string): string {
  const match = MAPPED.exec(isIP(address) === 6 ? compressed(address) : address);
  if (!match) return address;
  const [, dotted, high, low] = match;
  if (dotted !== undefined) return dotted;
  const bits = Number.parseInt(high ?? "", 16) * 65_536 + Number.parseInt(low ?? "", 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".");
}

/** An IPv6 address in its one shortest form (RFC 5952), as the URL parser writes it. */
function compressed(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

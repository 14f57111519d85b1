import { decode, type Answer } from "dns-packet";

/** A service that somebody says to have, as it was said: anybody in the network can say anything. */
export interface AnnouncedService {
  /** `_ssh._tcp.local`. */
  readonly type: string;
  /** What people read, made printable. */
  readonly name: string;
  /** Its host without the domain, such as `node-1`: a plain host name. */
  readonly host: string;
  readonly address: string;
  /** Who has said that; others than the address where somebody repeats it from another network, or lies. */
  readonly saidBy: string;
  readonly port: number;
  readonly text: ReadonlyMap<string, string>;
}

/** What is left to be asked for. */
export interface OpenQuestion {
  readonly name: string;
  readonly type: "SRV" | "TXT" | "A";
}

const MOST_SERVICES = 256;
const MOST_HOSTS = 256;
const MOST_OF_ONE = 200;
const MOST_ANSWERS = 200;
const MOST_PACKET_BYTES = 9000;
const MOST_TEXTS = 32;
const HOST = /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\.local$/i;
const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

interface Instance {
  readonly type: string;
  readonly name: string;
  target?: { readonly host: string; readonly port: number };
  text?: ReadonlyMap<string, string>;
}

/** Gathers what is answered (RFC 6762, RFC 6763): bounded, of the asked types alone, and the first word counts. */
export class MdnsRecords {
  readonly #instances = new Map<string, Instance>();
  readonly #hosts = new Map<string, { readonly address: string; readonly saidBy: string }>();
  readonly #packets = new Map<string, number>();

  /** @param types in full: `_ssh._tcp.local` */
  constructor(private readonly types: readonly string[]) {}

  /** Takes a packet that has come in; what is no answer, or wrong, is passed over. */
  take(bytes: Buffer, saidBy: string): void {
    const before = this.#packets.get(saidBy) ?? 0;
    // Somebody who floods is not heard any more; the others still are.
    if (bytes.length > MOST_PACKET_BYTES || before >= MOST_OF_ONE) return;
    if (before === 0 && this.#packets.size >= MOST_HOSTS) return;
    this.#packets.set(saidBy, before + 1);
    let records: readonly Answer[];
    try {
      const packet = decode(bytes);
      if (packet.type !== "response") return;
      records = [...(packet.answers ?? []), ...(packet.additionals ?? [])].slice(0, MOST_ANSWERS);
    } catch {
      return;
    }
    // Names before what is said of them, in whatever order they stand.
    for (const record of records)
      if (record.type === "PTR") this.#service(record.name, record.data);
    for (const record of records) this.#record(record, saidBy);
  }

  /** What has been named and not told in full. */
  open(most: number): OpenQuestion[] {
    const questions: OpenQuestion[] = [];
    for (const [key, { target, text }] of this.#instances) {
      if (!target) questions.push({ name: key, type: "SRV" });
      else if (!this.#hosts.has(target.host)) questions.push({ name: target.host, type: "A" });
      if (!text) questions.push({ name: key, type: "TXT" });
    }
    return questions.slice(0, most);
  }

  /** What is told in full, in a lasting order. */
  services(): AnnouncedService[] {
    const services: AnnouncedService[] = [];
    for (const {
      type,
      name,
      target,
      text = new Map<string, string>(),
    } of this.#instances.values()) {
      const host = target && this.#hosts.get(target.host);
      const [, plain] = HOST.exec(target?.host ?? "") ?? [];
      if (!target || !host || plain === undefined) continue;
      services.push({ type, name, host: plain, port: target.port, text, ...host });
    }
    const order = ({ type, host, name }: AnnouncedService): string => `${type} ${host} ${name}`;
    return services.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
  }

  #service(type: string, instance: string): void {
    const asked = this.types.find((one) => one === type.toLowerCase());
    const key = instance.toLowerCase();
    if (asked === undefined || !key.endsWith(`.${asked}`) || this.#instances.has(key)) return;
    if (this.#instances.size >= MOST_SERVICES) return;
    const name = printable(instance.slice(0, -asked.length - 1));
    this.#instances.set(key, { type: asked, name });
  }

  #record(record: Answer, saidBy: string): void {
    if (record.type === "A") return this.#host(record.name.toLowerCase(), record.data, saidBy);
    if (record.type !== "SRV" && record.type !== "TXT") return;
    const instance = this.#instances.get(record.name.toLowerCase());
    if (!instance) return;
    if (record.type === "TXT") instance.text ??= textsOf(record.data);
    else {
      const { target, port } = record.data;
      if (HOST.test(target) && port > 0) instance.target ??= { host: target.toLowerCase(), port };
    }
  }

  #host(name: string, address: string, saidBy: string): void {
    if (!HOST.test(name) || this.#hosts.has(name) || this.#hosts.size >= MOST_HOSTS) return;
    if (isOfAHost(address)) this.#hosts.set(name, { address, saidBy });
  }
}

/** Whether it can be the address of somebody else: not of this host, of many, or of nobody. */
function isOfAHost(address: string): boolean {
  const [, ...bytes] = (IPV4.exec(address) ?? []).map(Number);
  const [first = 0] = bytes;
  return (
    bytes.length === 4 &&
    bytes.every((byte) => byte <= 255) &&
    first > 0 &&
    first !== 127 &&
    first < 224
  );
}

/** `key=value` (RFC 6763, 6); the first of a key counts. */
function textsOf(
  data: string | Buffer | readonly (string | Buffer)[],
): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  const parts = typeof data === "string" || Buffer.isBuffer(data) ? [data] : data;
  for (const part of parts.slice(0, MOST_TEXTS)) {
    const [, key, value = ""] = /^([^=]{1,64})=?(.*)$/s.exec(part.toString()) ?? [];
    const name = key?.toLowerCase();
    if (name !== undefined && !texts.has(name)) texts.set(name, printable(value));
  }
  return texts;
}

/** What others have written, for people to read: on one line, in letters that hide nothing. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 63);
}

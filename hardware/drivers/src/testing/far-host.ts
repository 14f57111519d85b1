import { execFileSync } from "node:child_process";
import { mustSkip } from "@outrider/simulators/peers";

/** Whether a host of our own cannot be made here; says so. */
export function lacksFarHost(tests: string): boolean {
  const root = process.getuid?.() === 0;
  return mustSkip(
    tests,
    { ping: "iputils-ping", ip: "iproute2", nsenter: "util-linux" },
    root && canMake() ? {} : { problem: "A network of its own can be made by root only." },
  );
}

function canMake(): boolean {
  try {
    execFileSync("unshare", ["-n", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Another network stack of Linux at the other end of a cable: a host as far as anybody sees who asks it. */
export interface FarHost extends Disposable {
  readonly address: string;
  /** An address on the same cable that nobody has. */
  readonly nobody: string;
  /** Whether its kernel answers ICMP echo. */
  answer(yes: boolean): void;
  /** Runs a program on it. @returns what it said */
  run(program: string, ...args: readonly string[]): string;
  /** Whether it is on the cable. */
  plug(yes: boolean): void;
}

let made = 0;

export function startFarHost(): FarHost {
  made += 1;
  const name = `or${process.pid % 100_000}x${made}`;
  const [near, far] = [`${name}a`, `${name}b`];
  // Of the addresses that are for benchmarks (RFC 2544); no network has them.
  const net = `198.18.${process.pid % 250}`;
  const ip = (...args: string[]): void => void execFileSync("ip", args);
  const inside = (...args: readonly string[]): string =>
    execFileSync("ip", ["netns", "exec", name, ...args]).toString();
  ip("netns", "add", name);
  ip("link", "add", near, "type", "veth", "peer", "name", far);
  ip("link", "set", far, "netns", name);
  ip("address", "add", `${net}.1/24`, "dev", near);
  ip("link", "set", near, "up");
  inside("ip", "address", "add", `${net}.2/24`, "dev", far);
  inside("ip", "link", "set", far, "up");
  return {
    address: `${net}.2`,
    nobody: `${net}.9`,
    run: inside,
    answer: (yes) =>
      void inside("sh", "-c", `echo ${yes ? 0 : 1} > /proc/sys/net/ipv4/icmp_echo_ignore_all`),
    plug: (yes) => void inside("ip", "link", "set", far, yes ? "up" : "down"),
    [Symbol.dispose]: () => ip("netns", "delete", name),
  };
}

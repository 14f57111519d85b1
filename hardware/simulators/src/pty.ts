import { closeSync, openSync } from "node:fs";
import koffi from "koffi";

const O_RDWR = 0o2;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
/** More than any libc's `struct termios`. */
const TERMIOS_BYTES = 256;
const TCSANOW = 0;

/** A pair of terminal ends, the line between them raw. */
export interface Pty {
  /** Not blocking: a write that finds no room throws EAGAIN. */
  readonly master: number;
  /** Held open, so that the pair outlives whoever opens the path, as a plug that stays in. */
  readonly slave: number;
  /** Where others open the slave. */
  readonly path: string;
  /** The master is for its reader to close. */
  closeSlave(): void;
}

let libc: ReturnType<typeof bind> | undefined;

function bind() {
  const process = koffi.load(null);
  return {
    openPty: process.func("int posix_openpt(int flags)"),
    grant: process.func("int grantpt(int fd)"),
    unlock: process.func("int unlockpt(int fd)"),
    name: process.func("int ptsname_r(int fd, _Out_ uint8_t *name, size_t bytes)"),
    getAttributes: process.func("int tcgetattr(int fd, _Out_ uint8_t *termios)"),
    makeRaw: process.func("void cfmakeraw(_Inout_ uint8_t *termios)"),
    setAttributes: process.func("int tcsetattr(int fd, int when, uint8_t *termios)"),
  };
}

/** @throws Error where the system has no more of them */
export function openPty(): Pty {
  libc ??= bind();
  const master = libc.openPty(O_RDWR | O_NOCTTY | O_NONBLOCK) as number;
  const name = Buffer.alloc(128);
  if (master < 0 || libc.grant(master) !== 0 || libc.unlock(master) !== 0)
    throw new Error("The system gives no pseudo terminal.");
  if (libc.name(master, name, name.length) !== 0) throw new Error("A pseudo terminal has no name.");
  const path = name.toString("latin1", 0, name.indexOf(0));
  const slave = openSync(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
  const termios = Buffer.alloc(TERMIOS_BYTES);
  libc.getAttributes(slave, termios);
  libc.makeRaw(termios);
  libc.setAttributes(slave, TCSANOW, termios);
  return {
    master,
    slave,
    path,
    closeSlave: () => closeSync(slave),
  };
}

import type { LineSettings } from "@outrider/ports/console-port";
import { PortError } from "@outrider/ports/port-error";

/** `struct termios2` of Linux (asm-generic/termbits.h; amd64 and arm64 alike): four flags, line, 19 control characters, two speeds. */
export const TERMIOS_BYTES = 44;
const IFLAG = 0;
const OFLAG = 4;
const CFLAG = 8;
const LFLAG = 12;
const CONTROL_CHARACTERS = 17;
const VINTR = 0;
const VQUIT = 1;
const VTIME = 5;
const VMIN = 6;
const VSTART = 8;
const VSTOP = 9;
const VSUSP = 10;
const ISPEED = 36;
const OSPEED = 40;

const IGNBRK = 0x1;
const ISIG = 0x1;
/** `_POSIX_VDISABLE`: there is no such character. */
const DISABLED = 0;
const IXON = 0x400;
const IXOFF = 0x1000;

const CBAUD = 0x10_0f;
const CIBAUD = 0x10_0f_00_00;
const BOTHER = 0x10_00;
const CS5 = 0x00;
const CS6 = 0x10;
const CS7 = 0x20;
const CS8 = 0x30;
const CSIZE = 0x30;
const CSTOPB = 0x40;
const CREAD = 0x80;
const PARENB = 0x1_00;
const PARODD = 0x2_00;
const HUPCL = 0x4_00;
const CLOCAL = 0x8_00;
const CMSPAR = 0x40_00_00_00;
const CRTSCTS = 0x80_00_00_00;

const SIZES = { 5: CS5, 6: CS6, 7: CS7, 8: CS8 } as const;
const PARITIES = {
  none: 0,
  even: PARENB,
  odd: PARENB | PARODD,
  space: PARENB | CMSPAR,
  mark: PARENB | CMSPAR | PARODD,
} as const;
const XON = 0x11;
const XOFF = 0x13;

/**
 * Writes the settings into a termios that was read before; what they say nothing of stays. The line is raw both ways,
 * the modem lines are ignored, and closing drops none of them. Characters whose parity or frame is wrong are kept as they
 * were received, and counted by the device. Breaks and overruns are counted only. For both, drivers insert a zero, which
 * Linux leaves out unless the line is so raw that it does not look: it looks as soon as there could be signals, so they
 * are switched on, and no character makes one.
 * @throws PortError `unsupported` for one and a half stop bits with more than five data bits, which no UART has
 */
export function encodeSettings(termios: Buffer, settings: LineSettings): void {
  const { baudRate, dataBits, parity, stopBits, flowControl } = settings;
  if (stopBits === 1.5 && dataBits !== 5) {
    throw new PortError(
      "unsupported",
      "One and a half stop bits go with five data bits only. Choose 1 or 2 stop bits.",
    );
  }
  const xonXoff = flowControl === "xon-xoff" ? IXON | IXOFF : 0;
  termios.writeUInt32LE(IGNBRK | xonXoff, IFLAG);
  termios.writeUInt32LE(0, OFLAG);
  termios.writeUInt32LE(ISIG, LFLAG);
  const kept =
    termios.readUInt32LE(CFLAG) &
    ~(CBAUD | CIBAUD | CSIZE | CSTOPB | PARENB | PARODD | CMSPAR | CRTSCTS | HUPCL);
  const cflag =
    kept |
    BOTHER |
    CREAD |
    CLOCAL |
    SIZES[dataBits] |
    PARITIES[parity] |
    (stopBits === 1 ? 0 : CSTOPB) |
    (flowControl === "rts-cts" ? CRTSCTS : 0);
  termios.writeUInt32LE(cflag >>> 0, CFLAG);
  for (const signal of [VINTR, VQUIT, VSUSP]) termios[CONTROL_CHARACTERS + signal] = DISABLED;
  termios[CONTROL_CHARACTERS + VMIN] = 1;
  termios[CONTROL_CHARACTERS + VTIME] = 0;
  termios[CONTROL_CHARACTERS + VSTART] = XON;
  termios[CONTROL_CHARACTERS + VSTOP] = XOFF;
  termios.writeUInt32LE(baudRate, ISPEED);
  termios.writeUInt32LE(baudRate, OSPEED);
}

/** Whether a termios says zero baud, and that closing drops no line. */
export function isParked(termios: Buffer): boolean {
  return (termios.readUInt32LE(CFLAG) & (CBAUD | HUPCL)) === 0;
}

/** Writes zero baud into a termios, and that nothing but a program moves the lines of this end. */
export function parkSettings(termios: Buffer): void {
  const kept = termios.readUInt32LE(CFLAG) & ~(CBAUD | CIBAUD | CRTSCTS | HUPCL | CREAD);
  termios.writeUInt32LE((kept | CLOCAL) >>> 0, CFLAG);
  termios.writeUInt32LE(0, ISPEED);
  termios.writeUInt32LE(0, OSPEED);
}

/** What a termios says that the line does. */
export function decodeSettings(termios: Buffer): LineSettings {
  const cflag = termios.readUInt32LE(CFLAG);
  const iflag = termios.readUInt32LE(IFLAG);
  const dataBits = ([5, 6, 7, 8] as const)[(cflag & CSIZE) >> 4] ?? 8;
  const parityBits = (cflag & (PARENB | PARODD | CMSPAR)) >>> 0;
  const [parity] = (Object.entries(PARITIES) as [LineSettings["parity"], number][]).find(
    ([, bits]) => bits === parityBits,
  ) ?? ["none"];
  return {
    baudRate: termios.readUInt32LE(OSPEED),
    dataBits,
    parity: (cflag & PARENB) === 0 ? "none" : parity,
    stopBits: (cflag & CSTOPB) === 0 ? 1 : dataBits === 5 ? 1.5 : 2,
    flowControl: (cflag & CRTSCTS) !== 0 ? "rts-cts" : (iflag & IXON) === 0 ? "none" : "xon-xoff",
  };
}

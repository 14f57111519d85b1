import type { I2cChip } from "@outrider/transports/i2c-chip";

/** Parts of Texas Instruments that say what they are, by the name of their driver. The last four bits are the revision. */
const DIES = { ina226: 0x2260, ina260: 0x2270, ina3221: 0x3220 } as const;
export type TexasPart = keyof typeof DIES;

const MAKER_REGISTER = 0xfe;
const DIE_REGISTER = 0xff;
const MAKER = 0x5449;

const isDie = (said: number, die: number): boolean => said >> 4 === die >> 4;

/** Which of them answers; undefined: none of them. */
export async function texasPartOf(
  chip: I2cChip,
  signal: AbortSignal,
): Promise<TexasPart | undefined> {
  if ((await chip.readWord(MAKER_REGISTER, signal)) !== MAKER) return undefined;
  const said = await chip.readWord(DIE_REGISTER, signal);
  const found = Object.entries(DIES).find(([, die]) => isDie(said, die));
  return found?.[0] as TexasPart | undefined;
}

/** @returns what asks a chip whether it is that part, and throws PortError `protocol` when it is not */
export function identifyTexas(part: TexasPart) {
  return async (chip: I2cChip, signal: AbortSignal): Promise<void> => {
    const maker = await chip.readWord(MAKER_REGISTER, signal);
    const said = await chip.readWord(DIE_REGISTER, signal);
    if (maker === MAKER && isDie(said, DIES[part])) return;
    throw chip.wrong(`it says maker 0x${hex(maker)}, part 0x${hex(said)}`);
  };
}

const hex = (word: number): string => word.toString(16).padStart(4, "0");

import { QUANTITIES, isQuantity } from "@outrider/contracts/reading";

const BYTES = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** A value as people read it: `5.021 V`, `yes`. @param quantity by its name, which may be one of a later version */
export function valueText(quantity: string, unit: string, value: number): string {
  if (isQuantity(quantity)) {
    const { min, max } = QUANTITIES[quantity];
    if (unit === "" && min === 0 && max === 1 && (value === 0 || value === 1)) {
      return value === 1 ? "yes" : "no";
    }
  }
  if (unit === "B") {
    const power = Math.min(
      5,
      Math.max(0, Math.floor(Math.log10(Math.max(1, Math.abs(value))) / 3)),
    );
    return `${digits(value / 1000 ** power)} ${BYTES[power] ?? "B"}`;
  }
  return unit === "" ? digits(value) : `${digits(value)} ${unit}`;
}

/** Four digits that say something; none of a large number are hidden. */
export function digits(value: number): string {
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(4)));
}

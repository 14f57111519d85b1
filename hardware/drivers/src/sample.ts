import { QUANTITIES, type Absence, type Quantity, type Sample } from "@outrider/contracts/reading";

/** What is outside of what its quantity can be is no value but a broken sensor. */
export function within(sample: Sample): Sample {
  const checked = Object.entries(sample).map(([quantity, value]) => {
    const { min, max } = QUANTITIES[quantity as Quantity];
    const sound = typeof value === "string" || (value >= min && value <= max);
    return [quantity, sound ? value : "NoReading"];
  });
  return Object.fromEntries(checked) as Sample;
}

/** All of them for one reason. */
export function absent(quantities: readonly Quantity[], why: Absence): Sample {
  return Object.fromEntries(quantities.map((quantity) => [quantity, why]));
}

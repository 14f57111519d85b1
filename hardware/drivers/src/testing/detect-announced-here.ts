/** Program: says what announces itself in the networks of the addresses that it is given. */
import { systemClock } from "@outrider/contracts/clock";
import { detectAnnounced } from "../detect-announced.js";

const { signal } = new AbortController();
process.stdout.write(
  JSON.stringify(await detectAnnounced(process.argv.slice(2), systemClock, signal)),
);

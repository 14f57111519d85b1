/** Program: says what an agent would find of chips and lines that runs as a user who may open no device. */
import { systemClock } from "@outrider/contracts/clock";
import { detectGpioProposals } from "../detect-gpio-lines.js";
import { detectI2cProposals } from "../detect-i2c-chips.js";

const NOBODY = 65_534;

process.setgroups?.([]);
process.setgid?.(NOBODY);
process.setuid?.(NOBODY);
const { signal } = new AbortController();
const gpio = await detectGpioProposals();
const i2c = await detectI2cProposals("/sys", systemClock, signal);
process.stdout.write(JSON.stringify({ gpio, i2c }));

#!/usr/bin/env node
import { buildLinuxGuest, GuestMissing, linuxGuest, uBootFirmware } from "./guest-images.js";

/** Prepares the guests of a chassis in the cache; says plainly what is missing, and then exits with 1. */
async function main(): Promise<void> {
  const missing: string[] = [];
  const attempt = async (name: string, build: () => Promise<string> | string): Promise<void> => {
    try {
      process.stdout.write(`${name}: ${await build()}\n`);
    } catch (error) {
      if (!(error instanceof GuestMissing)) throw error;
      missing.push(`${name}: ${error.message}`);
    }
  };
  await attempt("bios", () => "needs nothing");
  await attempt("linux", async () => {
    const was = linuxGuest() ? "already there" : "built";
    return `${was}: ${(await buildLinuxGuest()).kernel}`;
  });
  await attempt("uboot", () => uBootFirmware());
  for (const line of missing) process.stderr.write(`${line}\n`);
  process.exitCode = missing.length === 0 ? 0 : 1;
}

await main();
